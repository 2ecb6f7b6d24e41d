// Sends one known trace, with logs and metrics, by the OpenTelemetry SDK for Node.
//
// All that it knows of the stack is in the variables that `telemetry env` prints. Its argument is
// the name of the service. It prints the trace's id, and fails if anything could not be exported.

"use strict";

const api = require("@opentelemetry/api");
const { logs, SeverityNumber } = require("@opentelemetry/api-logs");
const { NodeSDK, metrics, resources } = require("@opentelemetry/sdk-node");

const MILLISECOND = 1_000_000n;

const complaints = [];
const complain = (...parts) => complaints.push(parts.map(String).join(" "));
const silent = () => {};

// A time as the API takes it: seconds and nanoseconds.
const time = (ns) => [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];

function sendTrace(start) {
  const tracer = api.trace.getTracer("shop.tracer", "1.0.0");
  const begin = (name, kind, options, context) =>
    tracer.startSpan(name, { kind, startTime: time(start), ...options }, context);
  const after = (ns) => time(start + ns);

  const root = begin("POST /checkout", api.SpanKind.SERVER, {
    attributes: {
      "http.request.method": "POST",
      "http.response.status_code": 502,
      "cart.items": ["tea", "milk"],
      "cart.total": 12.5,
      "customer.known": true,
    },
  });
  const within = api.trace.setSpan(api.context.active(), root);

  const charge = begin("charge card", api.SpanKind.CLIENT, {}, within);
  charge.addEvent("declined", { reason: "funds" }, after(2n * MILLISECOND));
  charge.setStatus({ code: api.SpanStatusCode.ERROR, message: "card declined" });
  charge.end(after(5n * MILLISECOND));

  const produce = begin("orders publish", api.SpanKind.PRODUCER, {}, within);
  produce.end(after(MILLISECOND));
  const link = { context: produce.spanContext(), attributes: { queue: "orders" } };
  const consume = begin("orders process", api.SpanKind.CONSUMER, { links: [link] }, within);
  consume.end(after(7n * MILLISECOND));
  begin("price cart", api.SpanKind.INTERNAL, {}, within).end(after(999_999n));

  root.end(after(1500n * MILLISECOND + 250_000n));
  return within;
}

function sendLog(start, within) {
  logs.getLogger("shop.logger", "1.0.0").emit({
    timestamp: time(start),
    context: within,
    severityNumber: SeverityNumber.WARN,
    severityText: "WARN",
    body: "card declined",
    attributes: { "order.id": 42 },
  });
}

function sendMetrics() {
  const meter = api.metrics.getMeter("shop.meter", "1.0.0");
  const orders = meter.createCounter("orders", { unit: "{order}", description: "Orders taken" });
  orders.add(2, { shop: "tea" });
  orders.add(1, { shop: "tea" });
  meter.createUpDownCounter("carts").add(-2);
  meter.createGauge("queue.depth").record(7.5);
  const advice = { explicitBucketBoundaries: [10, 100] };
  const latency = meter.createHistogram("latency", { unit: "ms", advice });
  const size = meter.createHistogram("size", { unit: "By" });
  for (const value of [5, 50, 500]) {
    latency.record(value);
    size.record(value);
  }
}

async function main() {
  api.diag.setLogger(
    { error: complain, warn: complain, info: silent, debug: silent, verbose: silent },
    api.DiagLogLevel.WARN,
  );
  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource: resources.resourceFromAttributes({
      "service.name": process.argv[2],
      "service.version": "1.2.3",
      "project.name": "shop",
      "deployment.environment.name": "staging",
    }),
    views: [
      {
        instrumentName: "size",
        aggregation: { type: metrics.AggregationType.EXPONENTIAL_HISTOGRAM },
      },
    ],
  });
  sdk.start();

  const start = BigInt(Date.now()) * MILLISECOND - 2_000n * MILLISECOND;
  const within = sendTrace(start);
  sendLog(start, within);
  sendMetrics();
  await sdk.shutdown();

  if (complaints.length > 0) {
    throw new Error(complaints.join("\n"));
  }
  console.log(api.trace.getSpanContext(within).traceId);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
