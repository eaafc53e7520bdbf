use super::*;

#[test]
fn a_url_is_taken_apart_as_go_does_it() {
    for (text, [scheme, host, hostname, port, path]) in [
        (
            "https://user:pw@example.com:8443/a/b%20c?x=1#f",
            ["https", "example.com:8443", "example.com", "8443", "/a/b%20c"],
        ),
        ("HTTP://Example.com", ["http", "Example.com", "Example.com", "", ""]),
        ("http://[::1]:80/", ["http", "[::1]:80", "::1", "80", "/"]),
        ("http://[fe80::1%25eth0]", ["http", "[fe80::1%eth0]", "fe80::1%eth0", "", ""]),
        ("http://h:/p", ["http", "h:", "h", "", "/p"]),
        ("/absolute/path?q", ["", "", "", "", "/absolute/path"]),
        ("mailto:a@b.c", ["mailto", "", "", "", ""]),
        ("file:///etc/hosts", ["file", "", "", "", "/etc/hosts"]),
        ("unix:/run/x.sock", ["unix", "", "", "", "/run/x.sock"]),
        ("grpc://a:1,b:2", ["grpc", "a:1,b:2", "a:1,b", "2", ""]),
        ("http://h/a%2Fb/c d/\u{e9}", ["http", "h", "h", "", "/a/b/c%20d/%C3%A9"]),
        ("http://h/a%2fb!'()", ["http", "h", "h", "", "/a%2fb!'()"]),
        ("http://%C3%A9/", ["http", "\u{e9}", "\u{e9}", "", "/"]),
        ("*", ["", "", "", "", "*"]),
    ] {
        let url = Url::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        let parts = [&url.scheme, &url.host, &url.hostname, &url.port, &url.escaped_path].map(AsRef::<str>::as_ref);
        assert_eq!(parts, [scheme, host, hostname, port, path], "{text}");
    }
}

#[test]
fn what_is_no_url_is_refused_in_the_words_of_go() {
    for (text, why) in [
        ("", "empty url"),
        ("example.com/path", "invalid URI for request"),
        ("#fragment", "invalid URI for request"),
        ("://host", "missing protocol scheme"),
        ("http://a b/", "invalid character \" \" in host name"),
        ("http://a:x/", "invalid port \":x\" after host"),
        ("http://a:1:2/", "invalid port \":1:2\" after host"),
        ("http://[::1/", "missing ']' in host"),
        ("http://[::1]x/", "invalid port \"x\" after host"),
        ("http://[1.2.3.4]/", "invalid IP-literal"),
        ("http://x[::1]/", "invalid IP-literal"),
        ("http://[x]/", "invalid host: ParseAddr(\"x\"): unable to parse IP"),
        ("http://%41/", "invalid URL escape \"%41\""),
        ("http://a/%zz", "invalid URL escape \"%zz\""),
        ("http://a/%z", "invalid URL escape \"%z\""),
        ("http://a/%", "invalid URL escape \"%\""),
        ("http://us er@a/", "net/url: invalid userinfo"),
    ] {
        assert_eq!(check(text), Err(format!("parse {text:?}: {why}")));
    }
    assert_eq!(check("http://a\n"), Err("parse \"http://a\\n\": net/url: invalid control character in URL".to_owned()));
    assert_eq!(
        Url::parse("http://a/#%zz").err(),
        Some("parse \"http://a/#%zz\": invalid URL escape \"%zz\"".to_owned())
    );
}

#[test]
fn a_query_gathers_the_values_of_a_name() {
    let query = |text: &str| parameters(text).collect::<Vec<_>>();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(query("a=1&b=x+y%21&a=2&c"), [pair("a", "1"), pair("b", "x y!"), pair("a", "2"), pair("c", "")]);
    assert_eq!(query("=v&&a;b=1&c=%zz&d=="), [pair("", "v"), pair("d", "=")]);
    assert_eq!(query(&"&".repeat(10_000)), []);
}

#[test]
fn urls_that_are_printed_alike_are_equal() {
    for (one, other, equal) in [
        ("HTTP://h/", "http://h/", true),
        ("http://h", "http://h/", false),
        ("http://h/a%20b", "http://h/a b", true),
        ("http://h/a%2fb", "http://h/a/b", false),
        ("http://h?", "http://h", false),
        ("http://h/#", "http://h/", true),
        ("http://h/#a%20b", "http://h/#a b", true),
        ("http://u@h", "http://u:@h", false),
        ("file:///p", "file:/p", false),
    ] {
        assert_eq!(Url::parse(one) == Url::parse(other), equal, "{one} {other}");
    }
}
