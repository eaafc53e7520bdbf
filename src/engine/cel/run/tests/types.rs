//! Times, quantities, versions, addresses, URLs and formats, in expressions.

use super::{cost, hold};

#[test]
fn times() {
    hold(
        r#"
        duration("90m") => "5400s"
        string(duration("-1.5s")) => "-1.5s"
        int(duration("1us")) => 1000
        duration(object.kind) => error: type conversion error from 'string' to 'google.protobuf.Duration'
        duration(object.spec.replicas) => error: type conversion error from 'int' to 'google.protobuf.Duration'
        timestamp("2024-05-01T12:00:00+02:00") => "2024-05-01T12:00:00+02:00"
        timestamp("2024-05-01T12:00:00+02:00") == timestamp("2024-05-01T10:00:00Z") => true
        timestamp("2024-05-01T12:00:00+02:00").getHours() => 10
        timestamp("2024-05-01T12:00:00Z").getHours("Asia/Kolkata") => 17
        timestamp("2024-05-01T12:00:00Z").getMinutes("-00:30") => 30
        timestamp(object.spec.replicas).getDate("Middle/Earth") => error: unknown time zone Middle/Earth
        timestamp("2024-05-01T12:00:00.789Z").getMilliseconds() => 789
        timestamp("9999-12-31T23:59:59Z").getFullYear("+01:00") => 10000
        timestamp(0).getDayOfWeek() => 4
        timestamp(0).getDayOfMonth() => 0
        timestamp(0).getMonth() => 0
        timestamp(86400).getDayOfYear() => 1
        int(timestamp("1970-01-01T00:01:00Z")) => 60
        timestamp(object.spec.replicas) + duration("1s") => "1970-01-01T00:00:04Z"
        timestamp(10) - timestamp(4) => "6s"
        timestamp(10) - duration("4s") < timestamp(7) => true
        timestamp("9999-12-31T23:59:59Z") + duration("1s") => error: timestamp overflow
        timestamp("9999-12-31T23:59:59Z") - timestamp(0) => error: integer overflow
        duration("2540400h") + duration("2540400h") => error: integer overflow
        optional.ofNonZeroValue(duration("0")).hasValue() => false
        type(timestamp(0)) == google.protobuf.Timestamp => true
        "#,
    );
}

#[test]
fn kubernetes_own_types() {
    hold(
        r#"
        quantity("1.5Gi").compareTo(quantity("1536Mi")) => 0
        quantity("50k").add(quantity("20")).sub(20) == quantity("50k") => true
        quantity("2") == quantity("1").add(1) => error: no such overload
        quantity("2") != quantity("1").add(1) => true
        dyn(quantity("1")) == dyn(1) => error: no such overload
        dyn(quantity("1")) == dyn(null) => false
        dyn(1) == dyn(quantity("1")) => false
        sign(quantity("-1m")) => -1
        quantity("1.5").asInteger() => error: cannot convert value to integer
        isQuantity("1e1000000") => true
        quantity("1e1000000").add(1) => error: quantity has too many digits
        semver("v1.2", true).isLessThan(semver("1.2.1-rc.1")) => true
        semver("1.2.3+a") == semver("1.2.3+b") => true
        semver("x") => error: No Major.Minor.Patch elements found
        cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8") => true
        cidr("10.0.0.0/8").containsIP("nope") => error: no such overload
        cidr("10.0.0.0/8").containsCIDR(cidr("10.0.0.0/7")) => false
        string(cidr("fd00::1/64").ip()) => "fd00::1"
        ip("fd00::1").family() => 6
        ip.isCanonical("FD00::1") => false
        url("http://[::1]:80/a?b=1&b=2").getQuery() => {"b":["1","2"]}
        url("http://[::1]:80/a?b=1&b=2").getHostname() => "::1"
        url("relative") => error: URL parse error during conversion from string: parse "relative": invalid URI for request
        format.named("labelValue").value() == format.labelValue() => true
        format.named("nothing").hasValue() => false
        format.dns1123Label().validate("a.b").value() => ["must not contain dots"]
        format.dns1123Label().validate("a").hasValue() => false
        "#,
    );
}

/// `object.kind` costs 2 and has 7 characters.
#[test]
fn costs_of_kubernetes_own_types() {
    cost(
        r"
        3 isIP(object.kind)
        3 isURL(object.kind)
        3 isQuantity(object.kind)
        3 isSemver(object.kind)
        3 isCIDR(object.kind)
        4 ip.isCanonical(object.kind)
        ",
    );
}
