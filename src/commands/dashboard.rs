//! `telemetry dashboard`: open the dashboards in a browser.

use std::io::{self, Write as _};

use reqwest::StatusCode;
use serde::Serialize;

use crate::{
    cli::DashboardArgs,
    context::Context,
    error::{Code, Failure, Result},
    output::{Output, Screen},
    settings::Variable,
    stack::{Endpoint, probe},
};

/// Where the dashboards are.
#[derive(Debug, Serialize)]
struct Dashboards {
    url: String,
    /// Whether a browser was told to open them.
    opened: bool,
    /// Who to log in as, where a login is asked for.
    user: Option<&'static str>,
}

/// Why there are no dashboards to open.
#[derive(Debug, thiserror::Error)]
#[error("the dashboards do not answer at {url}: {reason}")]
struct Unreachable {
    url: String,
    reason: String,
    start: String,
}

impl Failure for Unreachable {
    fn code(&self) -> Code {
        Code::Unreachable
    }

    fn hint(&self) -> Option<String> {
        let start = &self.start;
        Some(format!(
            "`{start}` starts the stack; `telemetry status` shows what runs"
        ))
    }
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &DashboardArgs) -> Result<()> {
    let endpoints = context.endpoints();
    let (http, clickhouse) = (Context::http(), context.clickhouse());
    let probed = probe(&http, &endpoints, &clickhouse, Endpoint::Dashboards).await;
    let url = probed.url;
    if let Some(reason) = probed.reason {
        let start = context.command("start");
        return Err(Unreachable { url, reason, start }.into());
    }
    let user = asks_for_login(&http, &url).await.then_some("admin");
    if let Some(user) = user {
        let password = &context.settings.grafana_admin_password.value;
        let password = match Variable::GrafanaAdminPassword.default_value() {
            Some(default) if default == password.expose() => format!("the password `{default}`"),
            _ => format!("`{}`", Variable::GrafanaAdminPassword.name()),
        };
        context
            .printer
            .status(&format!("Log in as `{user}` with {password}"));
    }
    let opened = !args.print && open(context, &url);
    context.printer.print(&Dashboards { url, opened, user })
}

/// Whether what there is to see is for users only, as Grafana's list of dashboards is.
async fn asks_for_login(http: &reqwest::Client, url: &str) -> bool {
    let answer = http.get(format!("{url}/api/search")).send().await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::UNAUTHORIZED)
}

/// Whether a browser was told to open the page; where there is none, the URL will do.
fn open(context: &Context, url: &str) -> bool {
    if !has_screen() {
        context
            .printer
            .status("There is no screen to open a browser on; open this where there is one:");
        return false;
    }
    match open::that_detached(url) {
        Ok(()) => true,
        Err(error) => {
            context
                .printer
                .warn(format!("cannot open a browser: {error}"));
            false
        }
    }
}

/// Without one, and without a word about browsers, what opens pages would take the terminal over.
fn has_screen() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos")
        || ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]
            .into_iter()
            .any(is_set)
}

impl Output for Dashboards {
    fn human(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        writeln!(screen, "{}", self.url)
    }
}
