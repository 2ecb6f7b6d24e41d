// Sends known events, metrics and a log by automagik-telemetry for Node.
//
// All that it knows of the stack is in the variables that `telemetry env` prints. Its argument is
// the name of the project. It fails if anything could not be sent, which the SDK itself at most
// prints.

"use strict";

const {
  AutomagikTelemetry,
  LogSeverity,
  MetricType,
  StandardEvents,
} = require("@automagik/telemetry");

const complaints = [];
for (const level of ["debug", "warn", "error"]) {
  console[level] = (...parts) => {
    const message = parts.map(String).join(" ");
    if (!message.includes("successfully")) {
      complaints.push(message);
    }
  };
}
// Without it the SDK drops what is refused in silence.
process.env.AUTOMAGIK_TELEMETRY_VERBOSE = "true";

async function main() {
  const telemetry = new AutomagikTelemetry({
    projectName: process.argv[2],
    version: "1.2.3",
    maxRetries: 1,
  });
  telemetry.trackEvent(StandardEvents.FEATURE_USED, {
    feature_name: "checkout",
    items: 2,
    known: true,
  });
  telemetry.trackError(new RangeError("card declined"), { error_code: "SHOP-1" });
  telemetry.trackMetric("queue.depth", 7.5, MetricType.GAUGE, { queue: "orders" });
  telemetry.trackMetric("orders", 3, MetricType.COUNTER);
  telemetry.trackMetric("latency", 42.5, MetricType.HISTOGRAM, { unit: "ms" });
  telemetry.trackLog("card declined", LogSeverity.WARN, { order: "42" });
  await telemetry.flush();

  if (!telemetry.isEnabled()) {
    throw new Error("the SDK is not enabled");
  }
  if (complaints.length > 0) {
    throw new Error(complaints.join("\n"));
  }
}

main().then(
  // The SDK's timer would keep the process going.
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
