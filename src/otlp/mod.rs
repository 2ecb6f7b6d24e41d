//! Sample telemetry: scenarios, encoding, transports.
