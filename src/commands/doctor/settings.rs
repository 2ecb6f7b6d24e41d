//! What the environment and `.env` say: to this program, and to those that send.

use std::net::IpAddr;

use super::Patient;
use crate::{
    error::Error,
    settings::misspelt,
    stack::{Endpoint, Endpoints, Finding, Level, Topic},
};

/// Where SDKs send to: those of the specification, and automagik's.
const OTLP_ENDPOINTS: [&str; 5] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "AUTOMAGIK_TELEMETRY_ENDPOINT",
];

/// What makes HTTP clients go through a proxy for `http://` URLs. The first is read in lower case
/// only by those who fear what a CGI script is told by a header `Proxy`.
const PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// A setting that was left out, as it cannot be understood.
pub(super) fn not_understood(error: &Error) -> Finding {
    let finding = Finding::of_error(Topic::Settings, "not understood", error);
    match finding.fix {
        Some(_) => finding,
        None => finding.mended_by("correct it; every command refuses it until then"),
    }
}

pub(super) fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let variables = &patient.variables;
    let mut findings: Vec<_> = misspelt_settings(variables).collect();
    findings.extend(proxy(variables, &patient.desired.endpoints));
    findings.extend(senders(
        variables,
        &patient.desired.endpoints,
        &patient.context.command("env"),
    ));
    if findings.is_empty() {
        let found = "nothing that is misspelt or leads elsewhere";
        findings.push(Finding::ok(Topic::Settings, "environment", found));
    }
    findings
}

/// One that is near to a setting's name was meant for it, and is ignored. What only begins alike
/// may be somebody else's.
fn misspelt_settings(variables: &[(String, String)]) -> impl Iterator<Item = Finding> {
    let names = variables.iter().filter_map(|(name, _)| misspelt(name));
    names.map(|(name, meant)| {
        let finding = Finding::note(Topic::Settings, format!("`{name}`"), "is not a setting");
        match meant {
            Some(meant) => finding
                .at(Level::Problem)
                .mended_by(format!("did you mean `{meant}`?")),
            None => finding.mended_by("`telemetry config` shows every setting"),
        }
    })
}

/// A proxy that what is sent to the stack would be given to.
fn proxy(variables: &[(String, String)], endpoints: &Endpoints) -> Option<Finding> {
    let (name, proxy) = PROXIES.iter().find_map(|name| set(variables, name))?;
    let host = endpoints.address(Endpoint::OtlpHttp).ip().to_string();
    let excepted = ["no_proxy", "NO_PROXY"]
        .into_iter()
        .filter_map(|name| set(variables, name))
        .any(|(_, list)| excepts(list, &host));
    if excepted {
        return None;
    }
    let found =
        format!("`{proxy}`, and no `NO_PROXY` excepts `{host}`: SDKs may send to the proxy");
    let fix = match set(variables, "NO_PROXY") {
        Some((_, list)) => format!("`export NO_PROXY={list},{host},localhost`"),
        None => format!("`export NO_PROXY={host},localhost`"),
    };
    Some(Finding::note(Topic::Settings, format!("`{name}`"), found).mended_by(fix))
}

/// Whether a list as in `NO_PROXY` has an address: itself, a network that it is in, or `*`.
fn excepts(list: &str, host: &str) -> bool {
    list.split([',', ' ']).map(str::trim).any(|entry| {
        let network = entry.split_once('/').map_or(entry, |(network, _)| network);
        let loopback = |text: &str| {
            let address = text.parse::<IpAddr>();
            address.is_ok_and(|address| address.is_loopback())
        };
        let is_network = entry.contains('/') && loopback(network) && loopback(host);
        let bare = entry.trim_start_matches('[').trim_end_matches(']');
        entry == "*" || bare == host || is_network
    })
}

/// Variables that send telemetry elsewhere, or nowhere.
fn senders(variables: &[(String, String)], endpoints: &Endpoints, env: &str) -> Vec<Finding> {
    let leading = OTLP_ENDPOINTS
        .iter()
        .filter_map(|name| set(variables, name))
        .filter_map(|(name, url)| {
            let found = match endpoint_at(url, endpoints) {
                None => format!("`{url}` is not this stack"),
                Some(endpoint) => {
                    let protocol = protocol_of(variables, name)?;
                    let is_so = is_spoken_at(protocol, endpoint);
                    (!is_so)
                        .then(|| format!("`{url}` is {endpoint}, and the protocol `{protocol}`"))?
                }
            };
            Some(
                Finding::note(Topic::Settings, format!("`{name}`"), found)
                    .mended_by(format!("`eval \"$({env})\"` points SDKs at this stack")),
            )
        });
    let disabled = set(variables, "OTEL_SDK_DISABLED")
        .filter(|(_, value)| value.eq_ignore_ascii_case("true"))
        .map(|(name, _)| {
            Finding::note(Topic::Settings, format!("`{name}`"), "SDKs send nothing")
                .mended_by(format!("`unset {name}`"))
        });
    leading.chain(disabled).collect()
}

/// The protocol that is set for what an endpoint's variable is about, if one is. An SDK of
/// automagik's has one only.
fn protocol_of<'v>(variables: &'v [(String, String)], endpoint: &str) -> Option<&'v str> {
    if !endpoint.starts_with("OTEL_") {
        return None;
    }
    let signal = endpoint.strip_suffix("ENDPOINT")?;
    let own = set(variables, &format!("{signal}PROTOCOL"));
    let (_, protocol) = own.or_else(|| set(variables, "OTEL_EXPORTER_OTLP_PROTOCOL"))?;
    Some(protocol)
}

/// Whether a protocol, as SDKs call it, is that of an endpoint.
fn is_spoken_at(protocol: &str, endpoint: Endpoint) -> bool {
    (protocol == "grpc") == (endpoint == Endpoint::OtlpGrpc)
}

/// The one of the stack's OTLP endpoints that a URL is of, by whatever name of this machine.
pub(super) fn endpoint_at(url: &str, endpoints: &Endpoints) -> Option<Endpoint> {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next()?;
    let (host, port) = authority.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_at = |endpoint: &Endpoint| {
        let address = endpoints.address(*endpoint);
        let is_here = match host.parse::<IpAddr>() {
            Ok(ip) => ip == address.ip() || (ip.is_loopback() && endpoints.host.is_unspecified()),
            Err(_) => host == "localhost",
        };
        is_here && port == address.port()
    };
    [Endpoint::OtlpHttp, Endpoint::OtlpGrpc]
        .into_iter()
        .find(is_at)
}

/// A variable that is set to something.
pub(super) fn set<'v>(variables: &'v [(String, String)], name: &str) -> Option<(&'v str, &'v str)> {
    variables
        .iter()
        .find(|(known, value)| known == name && !value.is_empty())
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        set.iter().map(owned).collect()
    }

    #[test]
    fn a_proxy_is_told_of_unless_the_address_is_excepted() {
        let told = |set: &[(&str, &str)]| proxy(&variables(set), &Endpoints::default());
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[("HTTP_PROXY", "")]), None);
        let finding = told(&[("HTTP_PROXY", "http://proxy:3128")]).unwrap();
        assert_eq!(
            finding.fix.unwrap(),
            "`export NO_PROXY=127.0.0.1,localhost`"
        );
        let finding = told(&[("http_proxy", "http://p"), ("NO_PROXY", "intra.net")]).unwrap();
        assert_eq!(
            finding.fix.unwrap(),
            "`export NO_PROXY=intra.net,127.0.0.1,localhost`"
        );
        for list in ["*", "localhost, 127.0.0.1", "127.0.0.0/8"] {
            let set = [("http_proxy", "http://p"), ("no_proxy", list)];
            assert_eq!(told(&set), None, "{list}");
        }
        let set = [
            ("http_proxy", "http://p"),
            ("no_proxy", "10.0.0.0/8,localhost"),
        ];
        assert!(told(&set).is_some());
    }

    #[test]
    fn an_endpoint_is_known_by_every_name_of_this_machine() {
        let endpoints = Endpoints::default();
        for (url, expected) in [
            ("http://127.0.0.1:4318", Some(Endpoint::OtlpHttp)),
            ("http://localhost:4317/", Some(Endpoint::OtlpGrpc)),
            ("127.0.0.1:4317", Some(Endpoint::OtlpGrpc)),
            ("http://localhost:4318/v1/traces", Some(Endpoint::OtlpHttp)),
            ("https://otlp.example.com", None),
            ("http://127.0.0.1:14318", None),
            ("http://10.0.0.1:4318", None),
            ("http://collector:4318", None),
            ("", None),
        ] {
            assert_eq!(endpoint_at(url, &endpoints), expected, "{url}");
        }
    }

    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    #[test]
    fn variables_of_sdks_that_lead_elsewhere_are_told_of() {
        let found = |set: &[(&str, &str)]| -> Vec<String> {
            let findings = senders(&variables(set), &Endpoints::default(), "telemetry env");
            findings
                .into_iter()
                .map(|it| format!("{}: {}", it.subject, it.found))
                .collect()
        };
        assert_eq!(
            found(&[
                (TRACES, "https://example.com"),
                ("OTEL_SDK_DISABLED", "true")
            ]),
            [
                "`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`: `https://example.com` is not this stack",
                "`OTEL_SDK_DISABLED`: SDKs send nothing",
            ]
        );
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let http = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        let at_http = (TRACES, "http://localhost:4318");
        assert_eq!(
            found(&[at_http, grpc]),
            [
                "`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`: `http://localhost:4318` is OTLP/HTTP, and \
                 the protocol `grpc`"
            ]
        );
        assert_eq!(found(&[at_http, grpc, http]), [""; 0]);
        assert_eq!(found(&[at_http]), [""; 0]);
    }
}
