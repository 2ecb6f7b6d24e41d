//! Arguments of the commands that fit the stack into its surroundings.

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::Protocol;

/// Arguments of `telemetry env`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eval \"$(telemetry env)\"
  eval \"$(telemetry env --sdk otel --protocol grpc)\"
  telemetry env --as dotenv >> .env
  telemetry env --sdk automagik-clickhouse --as json")]
pub struct EnvArgs {
    /// Whose variables
    #[arg(long, value_enum, default_value_t)]
    pub sdk: Sdk,
    /// How OpenTelemetry SDKs shall send; some can do it in one way only
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// How to write them
    #[arg(long = "as", value_enum, default_value_t, value_name = "FORM")]
    pub form: EnvForm,
}

/// An SDK, by the variables that it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sdk {
    /// Those of `otel` and of `automagik`
    #[default]
    All,
    /// Any OpenTelemetry SDK
    Otel,
    /// automagik-telemetry, in the way that the stack's engine takes
    Automagik,
    /// automagik-telemetry, which inserts into ClickHouse
    AutomagikClickhouse,
}

/// How variables are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EnvForm {
    /// `export NAME='value'`, for the shell
    #[default]
    Shell,
    /// `NAME=value`, for a `.env` file
    Dotenv,
    /// A JSON object
    Json,
}

/// Arguments of `telemetry completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(telemetry completions bash)
  telemetry completions fish > ~/.config/fish/completions/telemetry.fish")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}
