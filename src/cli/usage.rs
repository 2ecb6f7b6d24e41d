//! Command lines that cannot be understood.

use std::ffi::OsString;

use clap::ValueEnum as _;

use crate::{
    error::{Code, Failure},
    output::{ColorChoice, Format},
};

/// A command line cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    message: String,
    hint: String,
}

impl UsageError {
    /// What clap has to say, in the terms of every other error.
    pub fn new(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let paragraph = |start: &str| {
            let mut paragraphs = text.split("\n\n").map(str::trim);
            paragraphs.find_map(|paragraph| paragraph.strip_prefix(start))
        };
        let message = paragraph("error: ").unwrap_or(text.trim());
        let hint = match (paragraph("tip: "), paragraph("Usage: ")) {
            (Some(tip), _) => tip.to_owned(),
            (None, Some(usage)) => format!("the usage is `{usage}`"),
            (None, None) => "`telemetry --help` shows what can be typed".to_owned(),
        };
        Self {
            message: message.to_owned(),
            hint,
        }
    }
}

impl Failure for UsageError {
    fn code(&self) -> Code {
        Code::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

/// How a command line wants errors to look, even one that cannot be understood otherwise.
pub fn wanted_style(arguments: &[OsString]) -> (Format, ColorChoice) {
    let value_of = |flag: &str| {
        let mut arguments = arguments
            .iter()
            .map_while(|argument| Some(argument.to_str()?).filter(|text| *text != "--"));
        arguments.find_map(|text| {
            text.strip_prefix(flag)?
                .strip_prefix('=')
                .map(str::to_owned)
        })
    };
    let separate = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)?.to_str().map(str::to_owned)
    };
    let value = |flag| {
        value_of(flag)
            .or_else(|| separate(flag))
            .unwrap_or_default()
    };
    (
        Format::from_str(&value("--format"), false).unwrap_or_default(),
        ColorChoice::from_str(&value("--color"), false).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(Into::into).collect()
    }

    fn usage_error(line: &str) -> UsageError {
        UsageError::new(&parse(arguments(line), ColorChoice::Never).unwrap_err())
    }

    #[test]
    fn a_near_miss_is_suggested() {
        let error = usage_error("telemetry query-trace");
        assert_eq!(error.to_string(), "unrecognized subcommand 'query-trace'");
        assert!(error.hint.contains("'query-traces'"), "{}", error.hint);
        let error = usage_error("telemetry start --hots ::1");
        assert!(error.hint.contains("'--host'"), "{}", error.hint);
    }

    #[test]
    fn what_is_missing_is_answered_with_the_usage() {
        let error = usage_error("telemetry restore");
        assert_eq!(error.hint, "the usage is `telemetry restore <FILE>`");
        let error = usage_error("telemetry test --traces many");
        assert_eq!(error.hint, "`telemetry --help` shows what can be typed");
    }

    #[test]
    fn the_wanted_style_is_found_on_a_broken_command_line() {
        let json = (Format::Json, ColorChoice::Auto);
        assert_eq!(
            wanted_style(&arguments("telemetry nope --format json")),
            json
        );
        assert_eq!(
            wanted_style(&arguments("telemetry --format=json --x")),
            json
        );
        let plain = (Format::Human, ColorChoice::Never);
        assert_eq!(
            wanted_style(&arguments("telemetry --color never -z")),
            plain
        );
        assert_eq!(
            wanted_style(&arguments("telemetry --format")).0,
            Format::Human
        );
    }
}
