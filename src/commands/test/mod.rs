//! `telemetry test`: sends sample telemetry and waits until all of it can be queried.

mod arrival;
mod report;

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    cli::{Protocol as WantedProtocol, TestArgs},
    context::Context,
    error::{Code, Failure, Result},
    otlp::{Exporter, Protocol, Scenario, deliver},
    output::Unit,
    settings::Settings,
    stack::Endpoint,
};
use arrival::Arrivals;
use report::{Report, Run};

/// Over how long the sample telemetry pretends to have been made.
const SPREAD: Duration = Duration::from_mins(15);

/// Not all telemetry is there, or some of it more than once.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct TelemetryLost(String);

impl Failure for TelemetryLost {
    fn code(&self) -> Code {
        Code::TelemetryLost
    }

    fn hint(&self) -> Option<String> {
        Some(
            "`telemetry logs` shows what happened; a longer `--timeout` waits for what is late"
                .to_owned(),
        )
    }
}

/// Runs the command.
pub async fn run(context: &Context, args: &TestArgs) -> Result<()> {
    let settings = &context.settings;
    let protocol = protocol(args.protocol);
    let scenario = scenario(settings, args);
    context
        .printer
        .detail(&format!("run {}, seed {}", scenario.run_id, scenario.seed));

    // What cannot be queried need not be sent.
    let clickhouse = context.clickhouse();
    let arrivals = Arrivals::new(&clickhouse, &scenario);
    arrivals.count().await?;

    let url = settings.endpoints().url(endpoint(protocol));
    let exporter = Exporter::connect(protocol, &url, args.timeout.0).await?;
    let traces = u64::from(args.traces);
    let message = format!("Sending {} over {protocol}", report::traces(traces));
    let progress = context
        .printer
        .progress(&message, Some(traces), Unit::Items);
    let delivery = deliver(&scenario, &exporter, protocol, |n| progress.advance(n)).await?;
    drop(progress);

    let sent: u64 = delivery.tallies.iter().map(|(_, tally)| tally.sent).sum();
    let message = "Waiting until all can be queried";
    let progress = context.printer.progress(message, Some(sent), Unit::Items);
    let arrived = arrivals
        .wait(&delivery.tallies, args.timeout.0, |n| progress.set(n))
        .await?;
    drop(progress);

    let trace = scenario.first_trace_id();
    let dashboards = settings.endpoints().url(Endpoint::Dashboards);
    let next = [
        context.command(&format!("query-traces --trace {trace}")),
        format!("{dashboards}/d/telemetry-traces?var-trace={trace}"),
    ];
    let report = Report::new(
        Run {
            protocol,
            scenario: &scenario,
            next,
        },
        &delivery,
        &arrived,
    );
    match report.problem() {
        None => context.printer.print(&report),
        Some(problem) => {
            context.printer.print_failed(&report)?;
            Err(TelemetryLost(problem).into())
        }
    }
}

fn scenario(settings: &Settings, args: &TestArgs) -> Scenario {
    let now = u64::try_from(Timestamp::now().as_nanosecond());
    Scenario {
        seed: args.seed.unwrap_or_else(rand::random),
        traces: args.traces,
        now: now.expect("it is after 1970"),
        spread: SPREAD,
        run_id: format!("{:016x}", rand::random::<u64>()),
        environment: settings.environment.value.clone(),
    }
}

const fn protocol(wanted: WantedProtocol) -> Protocol {
    match wanted {
        WantedProtocol::Grpc => Protocol::Grpc,
        WantedProtocol::HttpProtobuf => Protocol::HttpProtobuf,
        WantedProtocol::HttpJson => Protocol::HttpJson,
    }
}

const fn endpoint(protocol: Protocol) -> Endpoint {
    match protocol {
        Protocol::Grpc => Endpoint::OtlpGrpc,
        Protocol::HttpProtobuf | Protocol::HttpJson => Endpoint::OtlpHttp,
    }
}
