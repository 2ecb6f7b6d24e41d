//! The settings that a statement runs with.

use super::{
    exception::{Exception, Kind},
    limits::Limits,
};
use crate::embedded::chdb::Role;

/// What those who may not do everything may set besides the caps: nothing that names a file or
/// holds SQL, and nothing that gives rights.
const HARMLESS: [&str; 42] = [
    "add_http_cors_header",
    "async_insert",
    "cancel_http_readonly_queries_on_client_close",
    "connect_timeout",
    "date_time_input_format",
    "date_time_output_format",
    "enable_http_compression",
    "extremes",
    "flatten_nested",
    "http_headers_progress_interval_ms",
    "http_make_head_request",
    "http_receive_timeout",
    "http_send_timeout",
    "http_wait_end_of_query",
    "http_write_exception_in_output_format",
    "http_zlib_compression_level",
    "input_format_allow_errors_num",
    "input_format_defaults_for_omitted_fields",
    "input_format_import_nested_json",
    "input_format_json_read_objects_as_strings",
    "input_format_null_as_default",
    "input_format_skip_unknown_fields",
    "insert_deduplicate",
    "insert_deduplication_token",
    "insert_quorum",
    "join_use_nulls",
    "log_queries",
    "materialize_ttl_after_modify",
    "max_block_size",
    "max_insert_block_size",
    "max_query_size",
    "max_threads",
    "optimize_read_in_order",
    "output_format_json_named_tuples_as_objects",
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_denormals",
    "output_format_native_encode_types_in_binary_format",
    "receive_timeout",
    "send_progress_in_http_headers",
    "send_timeout",
    "session_timezone",
    "wait_for_async_insert",
];

/// Blocks are a number of rows to ClickHouse; the wide rows of telemetry would make large ones.
///
/// - A gigabyte of rows of 1 kB is read with 350 MB of memory instead of 900 if not every thread
///   formats a block, and a fifth slower at the most.
/// - The same inserted would be one block, and fail for lack of memory.
const THRIFTY: [(&str, &str); 2] = [
    ("output_format_parallel_formatting", "0"),
    ("max_insert_block_size_bytes", "67108864"),
];

/// What holds for `ingest` whatever it asks for, as its profile in assets/clickhouse/users.d has it.
const INGEST: [(&str, &str); 3] = [
    // Data is data: no expressions in it.
    ("input_format_values_interpret_expressions", "0"),
    // A client with a broken clock makes a batch of many days. Refused, it would be retried for
    // ever, and everything behind it would wait.
    ("max_partitions_per_insert_block", "0"),
    // A retried batch is recognised everywhere it went.
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
];

/// The settings for a statement of `role` whose URL asks for `requested`, in the order in which
/// they are to be set. `readonly` is `Some` for a statement that may only read.
pub fn settings(
    role: Role,
    limits: &Limits,
    requested: &[(String, String)],
    id: &str,
    readonly: Option<u8>,
) -> Result<Vec<(String, String)>, Exception> {
    let caps = match role {
        Role::Administrator | Role::Ingest => limits.usual,
        Role::Reader => limits.reader,
    }
    .settings();
    let mut settings: Vec<(String, String)> = caps
        .iter()
        .map(|(name, cap)| ((*name).to_owned(), cap.to_string()))
        .collect();
    for (name, value) in THRIFTY {
        settings.push((name.into(), value.into()));
    }
    let mut readonly = readonly;
    for (name, value) in requested {
        let cap = caps.iter().find(|(capped, _)| capped == name);
        match (role, cap) {
            // By which a running statement is found again.
            _ if name == "log_comment" => {}
            (Role::Administrator, _) if name == "readonly" => {
                let asked = value.parse().map_err(|_| {
                    Kind::BadArguments.exception(format!("readonly is no number: '{value}'"))
                })?;
                // 1 is stricter than 2, and both are than 0.
                readonly = match (readonly, asked) {
                    (given, 0) => given,
                    (Some(given), asked) => Some(given.min(asked)),
                    (None, asked) => Some(asked),
                };
            }
            (Role::Administrator, _) => settings.push((name.clone(), value.clone())),
            (_, Some((_, cap))) => {
                let asked: u64 = value.parse().map_err(|_| {
                    Kind::BadArguments.exception(format!("{name} is no number: '{value}'"))
                })?;
                // 0 means without limit.
                let given = if asked == 0 { *cap } else { asked.min(*cap) };
                settings.push((name.clone(), given.to_string()));
            }
            _ if HARMLESS.contains(&name.as_str()) => settings.push((name.clone(), value.clone())),
            _ if name == "readonly" => {}
            _ => {
                return Err(Kind::Readonly
                    .exception(format!("Cannot modify '{name}' setting in readonly mode")));
            }
        }
    }
    if role == Role::Ingest {
        settings.extend(INGEST.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    settings.push(("log_comment".into(), id.to_owned()));
    if let Some(readonly) = readonly {
        settings.push(("readonly".into(), readonly.to_string()));
    }
    Ok(settings)
}

/// The statement that sets them. Names have been checked where they were read.
pub fn statement(settings: &[(String, String)]) -> String {
    let assignments: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name} = {}", literal(value)))
        .collect();
    format!("SET {}", assignments.join(", "))
}

/// A string as SQL has it.
pub fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// An identifier as SQL has it.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(role: Role, requested: &[(&str, &str)], name: &str) -> Option<String> {
        let requested: Vec<_> = requested
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let settings = settings(role, &Limits::default(), &requested, "id", Some(1)).ok()?;
        let last = settings.into_iter().rev().find(|(n, _)| n == name)?;
        Some(last.1)
    }

    #[test]
    fn a_setting_raises_a_limit_but_a_readers() {
        let raised = |role, asked| value(role, &[("max_result_rows", asked)], "max_result_rows");
        assert_eq!(raised(Role::Administrator, "0").as_deref(), Some("0"));
        assert_eq!(raised(Role::Reader, "0").as_deref(), Some("1000000"));
        assert_eq!(raised(Role::Reader, "99999999").as_deref(), Some("1000000"));
        assert_eq!(raised(Role::Reader, "5").as_deref(), Some("5"));
        assert_eq!(raised(Role::Reader, "5e9"), None);
    }

    #[test]
    fn a_reader_stays_one() {
        assert_eq!(
            value(Role::Reader, &[("readonly", "0")], "readonly").as_deref(),
            Some("1")
        );
        assert_eq!(
            value(Role::Administrator, &[("readonly", "0")], "readonly").as_deref(),
            Some("1")
        );
        for name in [
            "format_template_row",
            "additional_table_filters",
            "format_schema",
        ] {
            assert_eq!(value(Role::Reader, &[(name, "x")], name), None);
        }
    }

    #[test]
    fn a_batch_of_many_days_is_no_reason_to_refuse_it() {
        let name = "max_partitions_per_insert_block";
        assert_eq!(value(Role::Ingest, &[], name).as_deref(), Some("0"));
        assert_eq!(value(Role::Administrator, &[], name), None);
    }

    #[test]
    fn values_stay_in_their_quotes() {
        let settings = [("a".to_owned(), r"x\' OR '".to_owned())];
        assert_eq!(statement(&settings), r"SET a = 'x\\\' OR \''");
    }
}
