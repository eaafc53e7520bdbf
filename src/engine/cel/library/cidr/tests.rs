use super::*;

#[test]
fn ranges_are_read_as_go_reads_them() {
    for text in ["10.1.2.3/8", "0.0.0.0/0", "1.2.3.4/32", "2001:db8::/32", "::/0", "::1/128"] {
        assert_eq!(Cidr::parse(text).map(|cidr| cidr.to_string()).as_deref(), Ok(text));
    }
    for (text, why) in [
        ("10.0.0.0", "no '/'"),
        ("10.0.0.0/33", "prefix length out of range"),
        ("10.0.0.0/300", "prefix length out of range"),
        ("::/129", "prefix length out of range"),
        ("10.0.0.0/08", "bad bits after slash: \"08\""),
        ("10.0.0.0/+8", "bad bits after slash: \"+8\""),
        ("10.0.0.0/", "bad bits after slash: \"\""),
        ("10.0.0/8", "ParseAddr(\"10.0.0\"): IPv4 address too short"),
        ("fe80::1%en0/64", "IPv6 zones cannot be present in a prefix"),
    ] {
        let wrong =
            format!("network address parse error during conversion from string: netip.ParsePrefix({text:?}): {why}");
        assert_eq!(Cidr::parse(text), Err(wrong));
    }
    assert!(Cidr::parse("::ffff:10.0.0.0/104").unwrap_err().starts_with("IPv4-mapped"));
}

#[test]
fn a_range_contains_the_addresses_of_its_network() {
    for (range, ip, contained) in [
        ("10.1.2.3/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("0.0.0.0/0", "255.255.255.255", true),
        ("0.0.0.0/0", "::1", false),
        ("10.0.0.1/32", "10.0.0.1", true),
        ("10.0.0.1/32", "10.0.0.2", false),
        ("fd00::/8", "fd12::1", true),
        ("fd00::/127", "fd00::2", false),
    ] {
        assert_eq!(Cidr::parse(range).unwrap().contains(ip.parse().unwrap()), contained, "{range} {ip}");
    }
}

#[test]
fn masking_clears_what_is_not_of_the_network() {
    for (range, masked) in [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.1.2.3/0", "0.0.0.0/0"),
        ("10.1.2.3/32", "10.1.2.3/32"),
        ("2001:db8:ffff::1/33", "2001:db8:8000::/33"),
        ("::1/0", "::/0"),
    ] {
        assert_eq!(Cidr::parse(range).unwrap().masked().to_string(), masked);
    }
}
