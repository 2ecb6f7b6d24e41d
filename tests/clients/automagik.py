"""Sends known events, metrics and a log by automagik-telemetry for Python.

All that it knows of the stack is in the variables that `telemetry env` prints. Its argument is the
name of the project. It fails if anything could not be sent, which the SDK itself only logs.
"""

import logging
import sys

from automagik_telemetry import (
    AutomagikTelemetry,
    LogSeverity,
    MetricType,
    StandardEvents,
    TelemetryConfig,
)


class Complaints(logging.Handler):
    """Keeps what the SDK says of failures, most of it at the level for debugging."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.messages = []

    def emit(self, record):
        if "successfully" not in record.getMessage():
            self.messages.append(record.getMessage())


complaints = Complaints()
logger = logging.getLogger("automagik_telemetry")
logger.setLevel(logging.DEBUG)
logger.addHandler(complaints)

telemetry = AutomagikTelemetry(
    TelemetryConfig(project_name=sys.argv[1], version="1.2.3", max_retries=1)
)
telemetry.track_event(
    StandardEvents.FEATURE_USED, {"feature_name": "checkout", "items": 2, "known": True}
)
telemetry.track_error(ValueError("card declined"), {"error_code": "SHOP-1"})
telemetry.track_metric("queue.depth", 7.5, MetricType.GAUGE, {"queue": "orders"})
telemetry.track_metric("orders", 3, MetricType.COUNTER)
telemetry.track_metric("latency", 42.5, MetricType.HISTOGRAM)
telemetry.track_log("card declined", LogSeverity.WARN, {"order": "42"})
telemetry.flush()

if not telemetry.enabled:
    sys.exit("the SDK is not enabled")
if complaints.messages:
    sys.exit("\n".join(complaints.messages))
