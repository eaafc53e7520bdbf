//! Where an exporter sends to: the parts of its endpoints, whether that leaves the cluster, and whether it is encrypted.

use core::net::IpAddr;

use serde_json::{Value, json};

use crate::engine::{
    cel::{Type, given::place},
    kinds::collector::{ComponentId, is_expansion},
    limits,
    node::Path,
};

/// Of `type`, an exporter that listens for scrapers itself: its endpoint is its own.
const LISTENING: [&str; 1] = ["prometheus"];

/// Exporters whose endpoint is written without a scheme, all over gRPC.
const OVER_GRPC: [&str; 5] = ["otlp", "otlp_grpc", "jaeger", "opencensus", "otelarrow"];

/// Exporters that send to a URL.
const OVER_HTTP: [&str; 7] =
    ["otlphttp", "otlp_http", "prometheusremotewrite", "prometheus_remote_write", "loki", "zipkin", "splunk_hec"];

/// Top-level domains that namespaces are hardly called: `tempo.telemetry` is a Service, `otlp-example.com` is not.
const TOP_LEVEL: [&str; 24] = [
    "com", "net", "org", "io", "cloud", "co", "eu", "de", "us", "uk", "ai", "fr", "ch", "at", "nl", "se", "jp", "au",
    "ca", "br", "cn", "info", "internal", "lan",
];

/// In place of what a message must not hold.
const LEFT_OUT: &str = "…";

/// An endpoint in its parts.
#[derive(Debug, PartialEq, Eq)]
struct Endpoint<'a> {
    /// Empty where there is none.
    scheme: &'a str,
    host: &'a str,
    /// What stands behind the host, without a colon; empty where nothing does.
    port: &'a str,
    /// With its slash.
    path: &'a str,
}

fn is_grpc(id: &ComponentId) -> bool {
    OVER_GRPC.contains(&id.kind.as_str())
}

/// The type of an endpoint.
pub(super) fn declared() -> Type {
    Type::object(
        "portcullis.Endpoint",
        [
            ("exporter", Type::String),
            ("type", Type::String),
            ("grpc", Type::Bool),
            ("used", Type::Bool),
            ("tls", Type::map(Type::String, Type::Dyn)),
            ("tlsSet", Type::Bool),
            ("text", Type::String),
            ("scheme", Type::String),
            ("host", Type::String),
            ("port", Type::Int),
            ("path", Type::String),
            ("place", Type::String),
            ("plaintext", Type::Bool),
            ("at", place::declared()),
        ],
    )
}

/// The endpoints that an exporter sends to.
pub(super) fn of(id: &ComponentId, config: &Value, used: bool, place: &dyn Fn(&Path) -> Value) -> Vec<Value> {
    let kind = id.kind.as_str();
    let known = is_grpc(id) || OVER_HTTP.contains(&kind);
    let Some(entries) = config.as_object().filter(|_| !LISTENING.contains(&kind)) else { return Vec::new() };
    let insecure = config.pointer("/tls/insecure").and_then(Value::as_bool) == Some(true);
    let none = json!({});
    let mut found = Vec::new();
    let named = entries.iter().filter(|(key, _)| *key == "endpoint" || key.ends_with("_endpoint"));
    for (key, value) in named.take(limits::CEL_GIVEN_EACH) {
        let Some(text) = value.as_str().filter(|text| known || text.contains("://")) else { continue };
        let text = redacted(text);
        let endpoint = Endpoint::read(&text);
        // `https://` makes a gRPC exporter encrypt, `http://` does not make it stop (configgrpc).
        let plaintext = if is_grpc(id) { insecure && endpoint.scheme != "https" } else { endpoint.scheme == "http" };
        found.push(json!({
            "exporter": id.to_string(),
            "type": kind,
            "grpc": is_grpc(id),
            "used": used,
            "tls": config.get("tls").filter(|tls| tls.is_object()).unwrap_or(&none),
            "tlsSet": config.get("tls").is_some_and(Value::is_object),
            "text": text,
            "scheme": endpoint.scheme,
            "host": endpoint.host,
            "port": endpoint.port.parse::<u16>().unwrap_or_default(),
            "path": endpoint.path,
            "place": endpoint.place(),
            "plaintext": plaintext && !is_expansion(endpoint.scheme),
            "at": place(&Path::root().key(key)),
        }));
    }
    found
}

// === impl Endpoint ===

impl<'a> Endpoint<'a> {
    fn read(text: &'a str) -> Self {
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("", text.trim()));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        // `${env:HOST}` may hold a slash of its own, and whatever it stands for is not known.
        let end = if is_expansion(rest) { rest.len() } else { end };
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.trim_start_matches(':')),
            None if is_expansion(authority) => (authority, ""),
            None => authority.rsplit_once(':').unwrap_or((authority, "")),
        };
        Self { scheme, host, port, path }
    }

    /// `pod`, `cluster`, `outside`, `either` of the last two where the text does not tell, or `unknown` where it is filled in
    /// when the collector starts.
    fn place(&self) -> &'static str {
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        if is_expansion(self.host) || is_expansion(self.scheme) || host.is_empty() || host.contains(['<', '>', '{']) {
            return "unknown";
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return match address.to_canonical() {
                address if address.is_loopback() || address.is_unspecified() => "pod",
                address if is_private(address) => "either",
                _ => "outside",
            };
        }
        if host == "localhost" || host.ends_with(".localhost") {
            return "pod";
        }
        let labels: Vec<&str> = host.split('.').collect();
        let last = labels.last().copied().unwrap_or_default();
        match labels.len() {
            2 if TOP_LEVEL.contains(&last) => "outside",
            0..=2 => "cluster",
            // `service.namespace.svc`, with or without the cluster's domain; pods of a StatefulSet stand before it.
            _ if labels.contains(&"svc") || host.ends_with(".cluster.local") => "cluster",
            // `pod.service.namespace`, or a name of some other top-level domain.
            3 if !TOP_LEVEL.contains(&last) => "either",
            _ => "outside",
        }
    }
}

/// Addresses that pods, Services and machines nearby have: no other network routes them (RFC 1918, 3927, 4193, 6598).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let is_shared = matches!(address.octets(), [100, 64..=127, ..]);
            address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// An endpoint without the user and password before its host, and without its query, which is where tokens stand.
fn redacted(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    let end = rest.char_indices().find(|(at, c)| matches!(c, '/' | '?' | '#') && !is_in_expansion(rest, *at));
    let authority = end.and_then(|(end, _)| rest.get(..end)).unwrap_or(rest);
    // `user:a/b@host`: a password that nobody escaped ends where the authority seems to.
    let is_cut = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_err());
    let mut users = rest.match_indices('@').map(|(at, _)| at).filter(|at| !is_in_expansion(rest, *at));
    let user = users.rfind(|at| *at < authority.len() || is_cut).and_then(|at| rest.split_at_checked(at + 1));
    let rest = user.map_or(rest, |(_, rest)| rest);
    let query = rest.char_indices().find(|(at, c)| matches!(c, '?' | '#') && !is_in_expansion(rest, *at));
    let query = query.and_then(|(at, _)| rest.split_at_checked(at + 1));
    let mut redacted = scheme.map_or_else(String::new, |scheme| format!("{scheme}://"));
    if user.is_some() {
        redacted.extend([LEFT_OUT, "@"]);
    }
    match query {
        Some((kept, "")) => redacted.push_str(kept),
        Some((kept, _)) => redacted.extend([kept, LEFT_OUT]),
        None => redacted.push_str(rest),
    }
    redacted
}

/// Whether the byte at `at` is inside of `${…}`.
fn is_in_expansion(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.rfind("${").is_some_and(|open| before.rfind('}').is_none_or(|close| close < open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_and_placed() {
        for (text, parts, place) in [
            ("tempo:4317", ("", "tempo", "4317", ""), "cluster"),
            ("http://loki.telemetry:3100/otlp", ("http", "loki.telemetry", "3100", "/otlp"), "cluster"),
            (
                "tempo.telemetry.svc.cluster.local:4317/",
                ("", "tempo.telemetry.svc.cluster.local", "4317", "/"),
                "cluster",
            ),
            ("a-0.a.ns.svc.corp.example:1", ("", "a-0.a.ns.svc.corp.example", "1", ""), "cluster"),
            ("https://api.honeycomb.io", ("https", "api.honeycomb.io", "", ""), "outside"),
            ("example.com:443", ("", "example.com", "443", ""), "outside"),
            ("collector.dev:4317", ("", "collector.dev", "4317", ""), "cluster"),
            ("192.0.2.10:5080", ("", "192.0.2.10", "5080", ""), "outside"),
            ("10.10.0.50:5080", ("", "10.10.0.50", "5080", ""), "either"),
            ("172.20.0.1:1", ("", "172.20.0.1", "1", ""), "either"),
            ("100.64.1.1:1", ("", "100.64.1.1", "1", ""), "either"),
            ("169.254.1.1:1", ("", "169.254.1.1", "1", ""), "either"),
            ("[fd00::1]:1", ("", "fd00::1", "1", ""), "either"),
            ("[::ffff:10.0.0.1]:1", ("", "::ffff:10.0.0.1", "1", ""), "either"),
            ("otel-0.otel.telemetry:4317", ("", "otel-0.otel.telemetry", "4317", ""), "either"),
            ("[::1]:4317", ("", "::1", "4317", ""), "pod"),
            ("https://[2001:db8::1]:443/x", ("https", "2001:db8::1", "443", "/x"), "outside"),
            ("localhost:4317", ("", "localhost", "4317", ""), "pod"),
            ("${env:HOST}:4317", ("", "${env:HOST}:4317", "", ""), "unknown"),
            ("https://u:p@a.b.c/x?y", ("https", "a.b.c", "", "/x?y"), "either"),
            ("<HOST>:4317", ("", "<HOST>", "4317", ""), "unknown"),
            ("", ("", "", "", ""), "unknown"),
        ] {
            let endpoint = Endpoint::read(text);
            assert_eq!((endpoint.scheme, endpoint.host, endpoint.port, endpoint.path), parts, "{text}");
            assert_eq!(endpoint.place(), place, "{text}");
        }
    }

    #[test]
    fn neither_users_nor_queries_are_told() {
        for (text, expected) in [
            ("https://user:s3cret@a.example.org:443/x", "https://…@a.example.org:443/x"),
            ("user:s3cret@tempo:4317", "…@tempo:4317"),
            ("https://user:s3/c@ret@a.example.org", "https://…@a.example.org"),
            ("https://user:s3?c@a.example.org", "https://…@a.example.org"),
            ("https://s3cret@a.example.org?x@y", "https://…@a.example.org?…"),
            ("https://a.example.org/in?token=s3cret", "https://a.example.org/in?…"),
            ("https://a.example.org:443/in#s3cret", "https://a.example.org:443/in#…"),
            ("https://u:${env:P}@a.example.org/x?t=${env:T}", "https://…@a.example.org/x?…"),
            ("https://a.example.org/@team", "https://a.example.org/@team"),
            ("${env:HOST:-a@b?c}:4317", "${env:HOST:-a@b?c}:4317"),
            ("http://[::1]:4317/x", "http://[::1]:4317/x"),
            ("", ""),
        ] {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }
}
