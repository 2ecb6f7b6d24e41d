//! `telemetry doctor`: what is wrong on this machine or with the stack, and how to mend it.
//!
//! Each check is in a file of its own and gives [`Finding`]s; what only an engine knows, it tells
//! in its [`Examination`].

mod clock;
mod data_path;
mod disk;
mod emitters;
mod engine;
mod flow;
mod leftovers;
mod memory;
mod passwords;
mod ports;
mod report;
mod settings;
mod versions;

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;

use super::choose::{self, Choice};
use crate::{
    clickhouse::{Client, Query},
    context::{Context, text_variables},
    error::{Code, Failure, Result},
    output::{Printer, figures},
    stack::{Desired, Endpoint, Engine, Examination, Finding, Level, RunState, StackStatus},
};

use report::Report;

/// How long an engine may take to tell all that it is asked.
const ENGINE_PATIENCE: Duration = Duration::from_secs(10);

/// How long ClickHouse may take to answer one question.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the checks look at.
struct Patient<'a> {
    context: &'a Context,
    choice: Choice,
    engine: Box<dyn Engine>,
    /// The stack as it is, if it runs; as it would be started, if not.
    desired: Desired,
    status: StackStatus,
    examination: Examination,
    /// The environment.
    variables: Vec<(String, String)>,
}

/// There are problems.
#[derive(Debug, thiserror::Error)]
#[error("{} found", figures::counted(*problems as u64, "problem"))]
struct Ill {
    problems: usize,
}

impl Failure for Ill {
    fn code(&self) -> Code {
        Code::Unhealthy
    }
}

/// Runs the command.
pub(super) async fn run(project: Option<&str>, printer: &Arc<Printer>) -> Result<()> {
    let (context, left_out) = Context::gather_in_spite(project, printer)?;
    let patient = match tokio::time::timeout(ENGINE_PATIENCE, Patient::of(&context)).await {
        Ok(patient) => patient,
        Err(_) => Patient::of_silent_engine(&context),
    };
    let mut findings = patient.findings().await;
    findings.extend(left_out.iter().map(settings::not_understood));
    let report = Report::new(findings);
    match report.count(Level::Problem) {
        0 => printer.print(&report),
        problems => {
            printer.print_failed(&report)?;
            Err(Ill { problems }.into())
        }
    }
}

impl<'a> Patient<'a> {
    /// What there is to look at, as the engine tells.
    async fn of(context: &'a Context) -> Self {
        let choice = choose::choose(context).await;
        let engine = context.engine_of(choice.kind);
        let status = engine.status().await;
        let desired = desired(context, engine.as_ref(), &status);
        let examination = engine.examine(&desired).await;
        Self {
            context,
            choice,
            engine,
            desired,
            status,
            examination,
            variables: text_variables().collect(),
        }
    }

    /// The same where the engine takes a connection and then does not answer.
    fn of_silent_engine(context: &'a Context) -> Self {
        let choice = Choice {
            kind: context.engine_kind(),
            reason: "as far as can be told".to_owned(),
            no_docker: None,
        };
        let engine = context.engine_of(choice.kind);
        let status = StackStatus {
            state: RunState::Unknown,
            reason: None,
            container_engine: None,
            services: Vec::new(),
        };
        Self {
            desired: desired(context, engine.as_ref(), &status),
            examination: Examination {
                findings: vec![engine::silent(ENGINE_PATIENCE)],
                ..Examination::default()
            },
            context,
            choice,
            engine,
            status,
            variables: text_variables().collect(),
        }
    }

    /// Every check, those that ask somebody all at once.
    async fn findings(&self) -> Vec<Finding> {
        let (schema, disk, clock, data_path, leftovers) = tokio::join!(
            versions::schema(self),
            disk::findings(self),
            clock::findings(self),
            data_path::findings(self),
            leftovers::findings(self),
        );
        let mut findings = vec![engine::choice(&self.choice)];
        findings.extend(self.examination.findings.clone());
        findings.extend(engine::unreachable_docker(&self.choice));
        findings.extend(versions::program(self.context));
        findings.extend(schema);
        findings.extend(ports::findings(self));
        findings.extend(disk);
        findings.extend(self.examination.memory.map(memory::finding));
        findings.extend(clock);
        findings.push(passwords::finding(self));
        findings.extend(settings::findings(self));
        findings.extend(data_path);
        findings.extend(emitters::finding(self));
        findings.extend(leftovers);
        findings
    }

    /// Whether anything of the stack runs.
    fn runs(&self) -> bool {
        !matches!(self.status.state, RunState::NotRunning | RunState::Unknown)
    }

    /// A command to type, for this stack.
    fn command(&self, command: &str) -> String {
        format!("`{}`", self.context.command(command))
    }

    /// A client of the stack's ClickHouse.
    fn clickhouse(&self) -> Client {
        let credentials = &self.desired.credentials;
        let url = self.desired.endpoints.url(Endpoint::ClickhouseHttp);
        Client::new(
            Context::http(),
            url,
            &credentials.user,
            &credentials.password,
        )
    }

    /// The one row that a question has for an answer; `None` if there is none, which is told once,
    /// by the probes.
    async fn ask<T: DeserializeOwned>(&self, question: Query<'_>) -> Option<T> {
        question.timeout(PATIENCE).row().await.ok()
    }
}

/// What the stack should be like: where it listens is what it was started with, as long as it
/// runs.
fn desired(context: &Context, engine: &dyn Engine, status: &StackStatus) -> Desired {
    let kind = engine.kind();
    let mut desired = context.settings.desired(|endpoint| kind.offers(endpoint));
    if let Some(record) = &context.record
        && status.state != RunState::NotRunning
    {
        desired.endpoints = record.endpoints;
    }
    desired
}
