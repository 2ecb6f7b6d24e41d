//! The stack as a domain: services, endpoints, readiness, recorded state, engines.
