//! Which engine the stack is started on.

use super::interrupt::unless_interrupted;
use crate::{
    cli::ContainersArgs,
    context::Context,
    docker::{ConnectError, Connection, Surroundings},
    embedded::library,
    error::Result,
    settings::{EngineChoice, Origin},
    stack::{ContainerOptions, DockerEngine, EmbeddedEngine, Engine, EngineKind, Project},
};

/// The engine that the stack is started on.
#[derive(Debug)]
pub(super) struct Choice {
    /// Which it is.
    pub kind: EngineKind,
    /// Why.
    pub reason: String,
    /// Why it is not Docker, where it would have been.
    pub no_docker: Option<ConnectError>,
}

/// The engine, able to start the stack; says which it is and why.
pub(super) async fn engine(
    context: &Context,
    project: &Project,
    containers: &ContainersArgs,
) -> Result<Box<dyn Engine>> {
    let Choice {
        kind,
        reason,
        no_docker,
    } = choose(context).await;
    if let Some(error) = no_docker {
        context.printer.detail(&error.to_string());
    }
    announce(context, kind, &reason);
    match kind {
        EngineKind::Embedded => Ok(Box::new(with_library(context, project).await?)),
        EngineKind::Docker => {
            let options = ContainerOptions {
                pull: containers.pull,
                keep: containers.keep,
            };
            let engine = DockerEngine::new(project, &context.printer).with_options(options);
            let connection = engine.connection().await?;
            context.printer.detail(&format!(
                "Docker Engine {} at {}",
                connection.engine_version, connection.endpoint
            ));
            let endpoints = context.settings.endpoints().only(|it| kind.offers(it));
            let addresses = endpoints.offered().map(|it| endpoints.address(it));
            if let Some(command) = connection.forwarding(addresses) {
                context.printer.status(&format!(
                    "The stack's ports are on the engine's machine; `{command}` brings them here"
                ));
            }
            Ok(Box::new(engine))
        }
    }
}

/// The engine that can run in the foreground.
pub(super) async fn engine_for_foreground(
    context: &Context,
    project: &Project,
) -> Result<EmbeddedEngine> {
    let reason = match context.settings.engine.value {
        EngineChoice::Embedded => as_told(context),
        _ => "the one that runs in the foreground".to_owned(),
    };
    announce(context, EngineKind::Embedded, &reason);
    with_library(context, project).await
}

/// Whoever does not say gets the engine that has the project's data; without any, Docker if it
/// answers.
pub(super) async fn choose(context: &Context) -> Choice {
    let choice = |kind, reason| Choice {
        kind,
        reason,
        no_docker: None,
    };
    match context.settings.engine.value {
        EngineChoice::Embedded => choice(EngineKind::Embedded, as_told(context)),
        EngineChoice::Docker => choice(EngineKind::Docker, as_told(context)),
        EngineChoice::Auto => match &context.record {
            Some(record) => choice(record.engine, "as before".to_owned()),
            None => match Connection::open(&Surroundings::of_this_process()).await {
                Ok(connection) => choice(
                    EngineKind::Docker,
                    format!("it answers at {}", connection.endpoint),
                ),
                Err(error) => Choice {
                    kind: EngineKind::Embedded,
                    reason: "a process on this machine, as no Docker engine answers".to_owned(),
                    no_docker: Some(error),
                },
            },
        },
    }
}

fn as_told(context: &Context) -> String {
    match &context.settings.engine.origin {
        Origin::Flag => "as `--engine` says".to_owned(),
        origin => format!("as `TELEMETRY_ENGINE` says, {origin}"),
    }
}

fn announce(context: &Context, kind: EngineKind, reason: &str) {
    context
        .printer
        .status(&format!("Engine: {kind} ({reason})"));
}

async fn with_library(context: &Context, project: &Project) -> Result<EmbeddedEngine> {
    let setting = context.settings.engine_library.as_ref();
    let setting = setting.map(|setting| setting.value.as_path());
    let printer = &context.printer;
    let library =
        unless_interrupted(async { Ok(library::obtain(setting, printer).await?) }).await?;
    context
        .printer
        .detail(&format!("Engine library: {}", library.display()));
    Ok(EmbeddedEngine::new(project).with_library(library))
}
