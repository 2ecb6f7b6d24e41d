//! Whether clocks agree: a span whose clock is wrong is not found where it is looked for.

use jiff::Timestamp;
use serde::Deserialize;

use super::Patient;
use crate::{
    output::figures,
    stack::{ClockReading, Finding, Level, Topic},
};

/// A difference, in milliseconds, that is seen when spans of two machines are put side by side.
const NOTABLE: i64 = 1_000;

/// One with which queries for the last minutes miss what there is.
const HARMFUL: i64 = 30_000;

const NOW: &str = "SELECT toUnixTimestamp64Milli(now64(3)) AS now";

/// Whose spans lie in the future, by more than a minute; the furthest first.
const FUTURE: &str = "\
SELECT service_name AS service, count() AS spans, max(dateDiff('second', now(), timestamp)) AS ahead
FROM telemetry.traces
WHERE timestamp > now64(9) + INTERVAL 1 MINUTE
GROUP BY service_name
ORDER BY ahead DESC
LIMIT 5";

pub(super) async fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let engine = patient.examination.clock;
    let mut findings: Vec<_> = engine
        .map(|reading| finding("the engine's machine", reading))
        .into_iter()
        .collect();
    if patient.runs() {
        let clickhouse = clickhouse(patient).await;
        findings.extend(clickhouse.map(|reading| finding("ClickHouse", reading)));
        findings.extend(senders(patient).await);
    }
    findings
}

async fn clickhouse(patient: &Patient<'_>) -> Option<ClockReading> {
    #[derive(Deserialize)]
    struct Now {
        now: i64,
    }
    let client = patient.clickhouse();
    let before = Timestamp::now().as_millisecond();
    let shown: Now = patient.ask(client.query(NOW)).await?;
    let after = Timestamp::now().as_millisecond();
    Some(ClockReading::between(before, shown.now, after))
}

fn finding(subject: &str, reading: ClockReading) -> Finding {
    let level = match reading.certain_ms() {
        ..NOTABLE => Level::Ok,
        NOTABLE..HARMFUL => Level::Note,
        HARMFUL.. => Level::Problem,
    };
    if level == Level::Ok {
        return Finding::ok(Topic::Clock, subject, "agrees with this machine's");
    }
    let difference = figures::time_span(reading.ahead_ms.unsigned_abs().saturating_mul(1_000_000));
    let direction = if reading.ahead_ms > 0 {
        "ahead of"
    } else {
        "behind"
    };
    let found = format!("{difference} {direction} this machine's clock");
    Finding::ok(Topic::Clock, subject, found)
        .at(level)
        .mended_by(
            "set both by the network, as by `sudo timedatectl set-ntp true`; a virtual machine's \
             clock is set when it is restarted",
        )
}

/// Senders whose clocks are ahead.
async fn senders(patient: &Patient<'_>) -> Vec<Finding> {
    #[derive(Deserialize)]
    struct Sender {
        service: String,
        spans: u64,
        ahead: i64,
    }
    let client = patient.clickhouse();
    let query = client.query(FUTURE).timeout(super::PATIENCE);
    let senders: Vec<Sender> = query.rows().await.unwrap_or_default();
    senders
        .into_iter()
        .map(|sender| {
            let ahead =
                figures::time_span(sender.ahead.unsigned_abs().saturating_mul(1_000_000_000));
            let found = format!(
                "{} up to {ahead} in the future",
                figures::counted(sender.spans, "span")
            );
            let subject = format!("sender `{}`", sender.service);
            Finding::note(Topic::Clock, subject, found)
                .mended_by("set the clock of the machine that it runs on")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_for_certain_is_told() {
        let finding = |ahead_ms, give_or_take_ms| {
            finding(
                "x",
                ClockReading {
                    ahead_ms,
                    give_or_take_ms,
                },
            )
        };
        assert_eq!(finding(1_500, 600).level, Level::Ok);
        assert_eq!(finding(1_500, 10).level, Level::Note);
        let behind = finding(-125_000, 10);
        assert_eq!(behind.level, Level::Problem);
        assert_eq!(behind.found, "2m 5s behind this machine's clock");
    }
}
