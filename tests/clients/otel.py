"""Sends one known trace, with logs and metrics, by the OpenTelemetry SDK for Python.

All that it knows of the stack is in the variables that `telemetry env` prints. Its argument is the
name of the service. It prints the trace's id, and fails if anything could not be exported.
"""

import logging
import os
import sys
import time

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

MILLISECOND = 1_000_000


class Complaints(logging.Handler):
    """Keeps what the SDK complains of: its exporters raise nothing."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def send_trace(provider, start):
    tracer = provider.get_tracer("shop.tracer", "1.0.0")
    root = tracer.start_span(
        "POST /checkout",
        kind=SpanKind.SERVER,
        start_time=start,
        attributes={
            "http.request.method": "POST",
            "http.response.status_code": 502,
            "cart.items": ["tea", "milk"],
            "cart.total": 12.5,
            "customer.known": True,
        },
    )
    within = trace.set_span_in_context(root)

    charge = tracer.start_span("charge card", within, SpanKind.CLIENT, start_time=start)
    charge.add_event("declined", {"reason": "funds"}, timestamp=start + 2 * MILLISECOND)
    charge.set_status(Status(StatusCode.ERROR, "card declined"))
    charge.end(start + 5 * MILLISECOND)

    produce = tracer.start_span("orders publish", within, SpanKind.PRODUCER, start_time=start)
    produce.end(start + MILLISECOND)
    consume = tracer.start_span(
        "orders process",
        within,
        SpanKind.CONSUMER,
        links=[Link(produce.get_span_context(), {"queue": "orders"})],
        start_time=start,
    )
    consume.end(start + 7 * MILLISECOND)
    tracer.start_span("price cart", within, start_time=start).end(start + 999_999)

    root.end(start + 1500 * MILLISECOND + 250_000)
    return within


def send_log(provider, start, within):
    provider.get_logger("shop.logger", "1.0.0").emit(
        LogRecord(
            timestamp=start,
            context=within,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body="card declined",
            attributes={"order.id": 42},
        )
    )


def send_metrics(provider):
    meter = provider.get_meter("shop.meter", "1.0.0")
    orders = meter.create_counter("orders", "{order}", "Orders taken")
    orders.add(2, {"shop": "tea"})
    orders.add(1, {"shop": "tea"})
    meter.create_up_down_counter("carts").add(-2)
    meter.create_gauge("queue.depth").set(7.5)
    latency = meter.create_histogram(
        "latency", "ms", explicit_bucket_boundaries_advisory=[10, 100]
    )
    size = meter.create_histogram("size", "By")
    for value in (5, 50, 500):
        latency.record(value)
        size.record(value)


def main():
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    resource = Resource.create(
        {
            "service.name": sys.argv[1],
            "service.version": "1.2.3",
            "project.name": "shop",
            "deployment.environment.name": "staging",
        }
    )
    spans = TracerProvider(resource=resource)
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    exponential = View(
        instrument_type=Histogram,
        instrument_name="size",
        aggregation=ExponentialBucketHistogramAggregation(),
    )
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    metrics = MeterProvider([reader], resource=resource, views=[exponential])

    start = time.time_ns() - 2_000 * MILLISECOND
    within = send_trace(spans, start)
    send_log(logs, start, within)
    send_metrics(metrics)
    # The reader flushes once more as it is shut down, which would send every metric twice.
    flushed = [provider.force_flush() for provider in (spans, logs)]
    for provider in (spans, logs, metrics):
        provider.shutdown()

    if complaints.messages or not all(flushed):
        sys.exit("\n".join(complaints.messages) or "not all was flushed")
    context = trace.get_current_span(within).get_span_context()
    print(trace.format_trace_id(context.trace_id))


main()
