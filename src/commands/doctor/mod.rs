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

/// How long ClickHouse may take to answer one question.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the checks look at.
struct Patient<'a> {
    context: &'a Context,
    choice: &'a Choice,
    engine: &'a dyn Engine,
    /// The stack as it is, if it runs; as it would be started, if not.
    desired: &'a Desired,
    status: &'a StackStatus,
    examination: &'a Examination,
    /// The environment.
    variables: &'a [(String, String)],
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
    let variables: Vec<_> = text_variables().collect();
    let choice = choose::choose(&context).await;
    let engine = context.engine_of(choice.kind);
    let status = engine.status().await;
    let desired = desired(&context, engine.as_ref(), &status);
    let examination = engine.examine(&desired).await;
    let patient = Patient {
        context: &context,
        choice: &choice,
        engine: engine.as_ref(),
        desired: &desired,
        status: &status,
        examination: &examination,
        variables: &variables,
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

impl Patient<'_> {
    /// Every check, those that ask somebody all at once.
    async fn findings(&self) -> Vec<Finding> {
        let (schema, disk, clock, data_path, leftovers) = tokio::join!(
            versions::schema(self),
            disk::findings(self),
            clock::findings(self),
            data_path::findings(self),
            leftovers::findings(self),
        );
        let mut findings = self.examination.findings.clone();
        findings.insert(0, engine::choice(self.choice));
        findings.extend(engine::unreachable_docker(self.choice));
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
