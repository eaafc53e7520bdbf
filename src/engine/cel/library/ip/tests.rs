use super::*;

#[test]
fn addresses_are_printed_in_their_shortest_form() {
    for (text, printed) in [
        ("10.0.0.1", "10.0.0.1"),
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("::1.2.3.4", "::102:304"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("0:0:0:0:0:0:0:0", "::"),
    ] {
        assert_eq!(Ip::parse(text).unwrap().to_string(), printed, "{text}");
    }
}

#[test]
fn what_is_no_address_is_refused_in_the_words_of_go() {
    for (text, why) in [
        ("", "unable to parse IP"),
        ("host", "unable to parse IP"),
        ("%eth0", "missing IPv6 address"),
        ("1.2.3", "IPv4 address too short"),
        ("1.2.3.4.5", "IPv4 address too long"),
        ("1.2.3.256", "IPv4 field has value >255"),
        ("01.2.3.4", "IPv4 field has octet with leading zero"),
        ("1..3.4", "IPv4 field must have at least one digit (at \".3.4\")"),
        ("1.2.3.", "IPv4 field must have at least one digit (at \".\")"),
        ("1.2.3.4/8", "unexpected character (at \"/8\")"),
        ("1.2.3.4%eth0", "unexpected character (at \"%eth0\")"),
        ("1:2:3:4:5:6:7", "address string too short"),
        ("1:2:3:4:5:6:7:8:9", "trailing garbage after address (at \"9\")"),
        ("1:2:3:4:5:6:7:8::", "the :: must expand to at least one field of zeros"),
        ("1:2:3:4::5:6:7:8", "the :: must expand to at least one field of zeros"),
        ("1::2::3", "multiple :: in address (at \":3\")"),
        (":1", "each colon-separated field must have at least one digit (at \":1\")"),
        ("12345::", "each group must have 4 or less digits (at \"12345::\")"),
        ("1:", "colon must be followed by more characters (at \":\")"),
        ("1g::", "unexpected character, want colon (at \"g::\")"),
        ("1:1.2.3.4", "embedded IPv4 address must replace the final 2 fields of the address (at \"1.2.3.4\")"),
        ("fe80::1%", "zone must be a non-empty string"),
    ] {
        let quoted = format!("{text:?}");
        let expected =
            format!("IP Address {quoted} parse error during conversion from string: ParseAddr({quoted}): {why}");
        assert_eq!(Ip::parse(text), Err(expected));
    }
    assert_eq!(Ip::parse("fe80::1%en0"), Err("IP address \"fe80::1%en0\" with zone value is not allowed".to_owned()));
    assert_eq!(
        Ip::parse("::ffff:1.2.3.4"),
        Err("IPv4-mapped IPv6 address \"::ffff:1.2.3.4\" is not allowed".to_owned())
    );
}

#[test]
fn the_standard_library_accepts_the_same_addresses() {
    for text in
        ["::1.2.3.4", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:::2", "::1.2.3", ":::", "::12345", "0.0.0.00"]
    {
        assert_eq!(Ip::parse(text).ok().map(|ip| ip.0), text.parse().ok(), "{text}");
    }
}

#[test]
fn addresses_are_of_a_kind() {
    let kinds = |text| {
        let ip = Ip::parse(text).unwrap();
        [
            ip.0.is_unspecified(),
            ip.0.is_loopback(),
            ip.is_link_local_multicast(),
            ip.is_link_local_unicast(),
            ip.is_global_unicast(),
        ]
    };
    let only = |kind: usize| std::array::from_fn(|i| i == kind);
    for (text, expected) in [
        ("0.0.0.0", only(0)),
        ("::", only(0)),
        ("127.9.9.9", only(1)),
        ("::1", only(1)),
        ("224.0.0.251", only(2)),
        ("ff12::1", only(2)),
        ("169.254.1.1", only(3)),
        ("febf::1", only(3)),
        ("10.0.0.1", only(4)),
        ("fd00::1", only(4)),
        ("255.255.255.255", [false; 5]),
        ("224.0.1.1", [false; 5]),
        ("ff05::1", [false; 5]),
    ] {
        assert_eq!(kinds(text), expected, "{text}");
    }
}
