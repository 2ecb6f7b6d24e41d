//! The services of the sample shop.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::attribute::attribute;
use super::{PROJECT, RUN_ID, Scenario};

/// The version of the semantic conventions that the attributes follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";

/// A service of the sample shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// What browsers talk to.
    Gateway,
    /// Knows who is who.
    Auth,
    /// Takes orders.
    Orders,
    /// Works off what was ordered, from a queue.
    Fulfilment,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Auth, Self::Orders, Self::Fulfilment];

    /// Its `service.name`, which is also its host name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Auth => "auth",
            Self::Orders => "orders",
            Self::Fulfilment => "fulfilment",
        }
    }

    const fn version(self) -> &'static str {
        match self {
            Self::Gateway => "3.4.1",
            Self::Auth => "1.12.0",
            Self::Orders => "2.7.3",
            Self::Fulfilment => "0.9.5",
        }
    }

    const fn language(self) -> &'static str {
        match self {
            Self::Gateway => "nodejs",
            Self::Auth => "go",
            Self::Orders => "python",
            Self::Fulfilment => "java",
        }
    }

    /// What its telemetry is made with.
    pub fn scope(self) -> InstrumentationScope {
        let (name, version) = match self {
            Self::Gateway => ("@opentelemetry/instrumentation-http", "0.205.0"),
            Self::Auth => (
                "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
                "0.63.0",
            ),
            Self::Orders => ("opentelemetry.instrumentation.fastapi", "0.58b0"),
            Self::Fulfilment => ("io.opentelemetry.kafka-clients-2.6", "2.20.0-alpha"),
        };
        InstrumentationScope {
            name: name.to_owned(),
            version: version.to_owned(),
            ..InstrumentationScope::default()
        }
    }

    /// Where its telemetry comes from.
    pub fn resource(self, scenario: &Scenario) -> Resource {
        let attributes: Vec<KeyValue> = vec![
            attribute("service.name", self.name()),
            attribute("service.version", self.version()),
            attribute("service.namespace", "shop"),
            attribute("service.instance.id", format!("{}-1", self.name())),
            attribute("host.name", format!("{}-1.shop.example", self.name())),
            attribute("telemetry.sdk.name", "opentelemetry"),
            attribute("telemetry.sdk.language", self.language()),
            attribute("telemetry.sdk.version", "1.38.0"),
            attribute("project.name", PROJECT),
            attribute("project.version", env!("CARGO_PKG_VERSION")),
            attribute("deployment.environment.name", &*scenario.environment),
            attribute(RUN_ID, &*scenario.run_id),
        ];
        Resource {
            attributes,
            ..Resource::default()
        }
    }
}
