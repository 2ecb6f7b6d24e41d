//! What a response says about its format.

/// `Content-Type` of a result in `format`, as ClickHouse's output formats declare it.
///
/// Names of formats are not case-sensitive. What is not text and not listed is a stream of octets.
pub fn content_type(format: &str) -> &'static str {
    let format = format.to_ascii_lowercase();
    let base = format
        .strip_suffix("withnamesandtypes")
        .or_else(|| format.strip_suffix("withnames"))
        .unwrap_or(&format);
    match base {
        "json"
        | "jsonstrings"
        | "jsoncolumns"
        | "jsoncompact"
        | "jsoncompactstrings"
        | "jsoncompactcolumns"
        | "jsoncolumnswithmetadata"
        | "jsonobjecteachrow" => "application/json; charset=UTF-8",
        "jsoneachrow"
        | "jsonstringseachrow"
        | "jsoncompacteachrow"
        | "jsoncompactstringseachrow"
        | "jsoneachrowwithprogress"
        | "jsonstringseachrowwithprogress"
        | "jsoncompacteachrowwithprogress"
        | "jsoncompactstringseachrowwithprogress"
        | "jsonlines"
        | "ndjson" => "application/x-ndjson; charset=UTF-8",
        "tabseparated" | "tabseparatedraw" | "tsv" | "tsvraw" | "raw" | "tskv" => {
            "text/tab-separated-values; charset=UTF-8"
        }
        "csv" if base.len() < format.len() => "text/csv; charset=UTF-8; header=present",
        "csv" => "text/csv; charset=UTF-8; header=absent",
        "xml" => "application/xml; charset=UTF-8",
        "markdown" => "text/markdown; charset=UTF-8",
        "prometheus" => "text/plain; version=0.0.4; charset=UTF-8",
        "values"
        | "vertical"
        | "sqlinsert"
        | "customseparated"
        | "template"
        | "lineasstring"
        | "hash"
        | "form"
        | "pretty"
        | "prettynoescapes"
        | "prettymonoblock"
        | "prettynoescapesmonoblock"
        | "prettycompact"
        | "prettycompactnoescapes"
        | "prettycompactmonoblock"
        | "prettycompactnoescapesmonoblock"
        | "prettyspace"
        | "prettyspacenoescapes"
        | "prettyspacemonoblock"
        | "prettyspacenoescapesmonoblock" => "text/plain; charset=UTF-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_follows_the_family_of_the_format() {
        assert_eq!(content_type("JSON"), "application/json; charset=UTF-8");
        assert_eq!(
            content_type("JSONEachRow"),
            "application/x-ndjson; charset=UTF-8"
        );
        assert_eq!(
            content_type("JSONCompactEachRowWithNamesAndTypes"),
            "application/x-ndjson; charset=UTF-8"
        );
        assert_eq!(
            content_type("TSVWithNames"),
            "text/tab-separated-values; charset=UTF-8"
        );
        assert_eq!(
            content_type("csv"),
            "text/csv; charset=UTF-8; header=absent"
        );
        assert_eq!(
            content_type("CSVWithNames"),
            "text/csv; charset=UTF-8; header=present"
        );
        assert_eq!(content_type("Native"), "application/octet-stream");
        assert_eq!(
            content_type("RowBinaryWithNamesAndTypes"),
            "application/octet-stream"
        );
        assert_eq!(content_type("Parquet"), "application/octet-stream");
    }
}
