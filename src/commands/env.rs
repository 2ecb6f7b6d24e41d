//! `telemetry env`: the variables that point SDKs at the stack.

use std::{
    borrow::Cow,
    io::{self, Write as _},
};

use serde::{Serialize, Serializer};

use crate::{
    cli::{EnvArgs, EnvForm, Protocol, Sdk},
    context::Context,
    error::Result,
    output::{Output, Screen},
    settings::Settings,
    stack::{Endpoint, EngineKind},
};

type Variable = (&'static str, String);

/// Variables in the order in which they are printed.
struct Variables {
    list: Vec<Variable>,
    form: EnvForm,
}

/// Prints the variables.
pub(super) fn run(context: &Context, args: &EnvArgs) -> Result<()> {
    context.printer.print(&Variables {
        list: variables(&context.settings, context.engine_kind(), args),
        form: args.form,
    })
}

fn variables(settings: &Settings, engine: EngineKind, args: &EnvArgs) -> Vec<Variable> {
    let otel = || otel(settings, args.protocol);
    let automagik = || {
        if engine.takes_long_trace_ids() {
            automagik(settings)
        } else {
            automagik_clickhouse(settings)
        }
    };
    match args.sdk {
        Sdk::All => [otel(), automagik()].concat(),
        Sdk::Otel => otel(),
        Sdk::Automagik => automagik(),
        Sdk::AutomagikClickhouse => automagik_clickhouse(settings),
    }
}

/// The specification's variables. Not every SDK sends all signals unless told to.
fn otel(settings: &Settings, protocol: Protocol) -> Vec<Variable> {
    let (endpoint, protocol) = match protocol {
        Protocol::Grpc => (Endpoint::OtlpGrpc, "grpc"),
        Protocol::HttpProtobuf => (Endpoint::OtlpHttp, "http/protobuf"),
        Protocol::HttpJson => (Endpoint::OtlpHttp, "http/json"),
    };
    vec![
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            settings.endpoints().url(endpoint),
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
        ("OTEL_TRACES_EXPORTER", "otlp".to_owned()),
        ("OTEL_METRICS_EXPORTER", "otlp".to_owned()),
        ("OTEL_LOGS_EXPORTER", "otlp".to_owned()),
    ]
}

/// What automagik-telemetry reads: Python 0.1.4 (`client.py`) and TypeScript 0.1.3
/// (`client.ts`). Without the first it sends nothing. Both find the endpoints of metrics and
/// logs from that of traces.
fn automagik(settings: &Settings) -> Vec<Variable> {
    let endpoint = settings.endpoints().url(Endpoint::OtlpHttp);
    vec![
        ("AUTOMAGIK_TELEMETRY_ENABLED", "true".to_owned()),
        ("AUTOMAGIK_TELEMETRY_BACKEND", "otlp".to_owned()),
        (
            "AUTOMAGIK_TELEMETRY_ENDPOINT",
            format!("{endpoint}/v1/traces"),
        ),
    ]
}

/// The same for its second backend, which only inserts, so it need not be able to do more.
///
/// The endpoint of OTLP is there too: the TypeScript SDK sends metrics and logs over OTLP with
/// this backend as well, and without it to its makers' public endpoint.
fn automagik_clickhouse(settings: &Settings) -> Vec<Variable> {
    let password = settings.clickhouse_ingest_password.value.expose();
    let otlp = settings.endpoints().url(Endpoint::OtlpHttp);
    vec![
        ("AUTOMAGIK_TELEMETRY_ENABLED", "true".to_owned()),
        ("AUTOMAGIK_TELEMETRY_BACKEND", "clickhouse".to_owned()),
        ("AUTOMAGIK_TELEMETRY_ENDPOINT", format!("{otlp}/v1/traces")),
        (
            "AUTOMAGIK_TELEMETRY_CLICKHOUSE_ENDPOINT",
            settings.endpoints().url(Endpoint::ClickhouseHttp),
        ),
        (
            "AUTOMAGIK_TELEMETRY_CLICKHOUSE_DATABASE",
            "telemetry".to_owned(),
        ),
        (
            "AUTOMAGIK_TELEMETRY_CLICKHOUSE_USERNAME",
            "ingest".to_owned(),
        ),
        (
            "AUTOMAGIK_TELEMETRY_CLICKHOUSE_PASSWORD",
            password.to_owned(),
        ),
    ]
}

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.list.iter().map(|(name, value)| (name, value)))
    }
}

impl Output for Variables {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        if self.form == EnvForm::Json {
            serde_json::to_writer_pretty(&mut *screen, self)?;
            return writeln!(screen);
        }
        for (name, value) in &self.list {
            match self.form {
                EnvForm::Dotenv => writeln!(screen, "{name}={}", dotenv_quote(value))?,
                _ => writeln!(screen, "export {name}={}", shell_quote(value))?,
            }
        }
        Ok(())
    }
}

/// In single quotes, within which a POSIX shell finds nothing special but the quote.
fn shell_quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Bare where every reader of `.env` files agrees on the meaning, else in single quotes, which
/// most take literally, else in double quotes, as Compose reads them.
fn dotenv_quote(value: &str) -> Cow<'_, str> {
    let bare = |c: char| c.is_ascii_alphanumeric() || "/:.-_[]".contains(c);
    if value.chars().all(bare) {
        Cow::Borrowed(value)
    } else if value.contains('\'') {
        let escaped = value
            .replace('\\', r"\\")
            .replace('"', "\\\"")
            .replace('$', r"\$");
        Cow::Owned(format!("\"{escaped}\""))
    } else {
        Cow::Owned(format!("'{value}'"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::{Layers, Variable};

    #[test]
    fn a_dotenv_value_is_quoted_no_more_than_it_needs() {
        assert_eq!(dotenv_quote("http://[::1]:4318"), "http://[::1]:4318");
        assert_eq!(dotenv_quote("p#w $d"), "'p#w $d'");
        assert_eq!(dotenv_quote(r#"it's "$5\"#), r#""it's \"\$5\\""#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_shell_reads_back_what_was_quoted(value in "[^\0]{0,20}") {
            let script = format!("printf %s {}", shell_quote(&value));
            let output = std::process::Command::new("sh").args(["-c", &script]).output();
            prop_assert_eq!(output.unwrap().stdout, value.as_bytes());
        }

        #[test]
        fn our_own_dotenv_reader_reads_back_what_was_quoted(value in "\\PC{1,20}") {
            let text = format!("CLICKHOUSE_PASSWORD={}", dotenv_quote(&value));
            let layers = Layers::default().dotenv(".env".into(), &text).unwrap();
            prop_assert_eq!(&layers.get(Variable::ClickhousePassword).unwrap().text, &value);
        }
    }
}
