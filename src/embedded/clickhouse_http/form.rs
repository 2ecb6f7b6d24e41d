//! `multipart/form-data`, in which clients send a statement with its parameters when they might
//! be too long for a URL.
//!
//! ClickHouse takes tables along with a statement in the same form; here those are refused.

use super::exception::{Exception, Kind};

/// A field and its value.
pub type Field = (String, Vec<u8>);

/// What separates the fields of a form, if `content_type` is one.
pub fn boundary(content_type: &str) -> Result<Option<String>, Exception> {
    let (media_type, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !media_type
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
    {
        return Ok(None);
    }
    match parameter(parameters, "boundary") {
        Some(boundary) if !boundary.is_empty() => Ok(Some(boundary)),
        _ => Err(Kind::BadArguments.exception("multipart/form-data names no boundary")),
    }
}

/// The fields of a form, in their order.
pub fn fields(body: &[u8], boundary: &str) -> Result<Vec<Field>, Exception> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first one needs no end of line before it.
    let mut rest = if body.starts_with(&delimiter[2..]) {
        &body[delimiter.len() - 2..]
    } else {
        split(body, &delimiter).ok_or_else(broken)?.1
    };
    let mut fields = Vec::new();
    while !rest.starts_with(b"--") {
        let (_padding, part) = split(rest, b"\r\n").ok_or_else(broken)?;
        let (part, behind) = split(part, &delimiter).ok_or_else(broken)?;
        fields.push(field(part)?);
        rest = behind;
    }
    Ok(fields)
}

fn field(part: &[u8]) -> Result<Field, Exception> {
    let (head, value) = if let Some(value) = part.strip_prefix(b"\r\n") {
        (&[][..], value)
    } else {
        split(part, b"\r\n\r\n").ok_or_else(broken)?
    };
    let head = std::str::from_utf8(head).map_err(|_| broken())?;
    let disposition = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"));
    let parameters = disposition
        .and_then(|(_, value)| value.split_once(';'))
        .map_or("", |(_, parameters)| parameters);
    let name = parameter(parameters, "name").ok_or_else(broken)?;
    if parameter(parameters, "filename").is_some() {
        return Err(Kind::NotImplemented.exception(format!(
            "External tables are not supported: insert the rows of '{name}' into a table first"
        )));
    }
    Ok((name, value.to_vec()))
}

fn broken() -> Exception {
    Kind::BadArguments.exception("The body is not the multipart/form-data that it is said to be")
}

/// What stands before and behind the first `separator`.
fn split<'t>(text: &'t [u8], separator: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let at = text
        .windows(separator.len())
        .position(|window| window == separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

/// The value of `name` among `a=b; c="d; \"e\""`.
fn parameter(mut parameters: &str, name: &str) -> Option<String> {
    loop {
        let (found, rest) = parameters.split_once('=')?;
        let (value, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let end = rest.find(';').unwrap_or(rest.len());
            (rest[..end].trim().to_owned(), &rest[end..])
        };
        let found = found.trim_start_matches([';', ' ', '\t']).trim_end();
        if found.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        parameters = behind;
    }
}

/// A text up to its closing quote, and what stands behind that.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut escaped = false;
    for (at, character) in quoted.char_indices() {
        match character {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some((text, &quoted[at + 1..])),
            _ => {
                text.push(character);
                escaped = false;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_told_by_its_type() {
        let of = |content_type| boundary(content_type).map_err(|e| e.code);
        assert_eq!(of("text/plain"), Ok(None));
        assert_eq!(of(""), Ok(None));
        assert_eq!(
            of("multipart/form-data; boundary=ab-c"),
            Ok(Some("ab-c".into()))
        );
        assert_eq!(
            of("Multipart/Form-Data; charset=utf-8; Boundary=\"a;b\""),
            Ok(Some("a;b".into()))
        );
        assert_eq!(of("multipart/form-data"), Err(36));
    }

    #[test]
    fn clients_write_fields_in_their_ways() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT\r\n1\r\n\
            --b  \r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name=param_x\r\n\r\n\r\n--b--\r\n";
        assert_eq!(
            fields(body, "b").unwrap(),
            [
                ("query".to_owned(), b"SELECT\r\n1".to_vec()),
                ("param_x".to_owned(), Vec::new())
            ]
        );
        assert_eq!(fields(b"preamble\r\n--b--", "b").unwrap(), []);
    }

    #[test]
    fn a_table_that_comes_along_is_refused() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t.csv\"\r\n\r\n1\r\n--b--";
        let refused = fields(body, "b").unwrap_err();
        assert_eq!(refused.code, 48);
        assert!(refused.message.contains("'t'"), "{refused}");
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let body =
            b"--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT 1\r\n--b--";
        for end in 0..body.len() {
            assert!(fields(&body[..end], "b").is_err(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            written in prop::collection::vec(("[a-z_]{1,9}", prop::collection::vec(any::<u8>(), 0..40)), 0..4),
        ) {
            let mut body = Vec::new();
            for (name, value) in &written {
                body.extend_from_slice(
                    format!("--x1Y\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
                );
                body.extend_from_slice(value);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--x1Y--\r\n");
            prop_assert_eq!(fields(&body, "x1Y").unwrap(), written);
        }

        #[test]
        fn nothing_makes_it_panic(body in any::<Vec<u8>>(), content_type in ".{0,40}") {
            let _ = boundary(&content_type);
            let _ = boundary(&format!("multipart/form-data;{content_type}"));
            let _ = fields(&body, "");
            let _ = fields(&[b"--b\r\n", &body[..], b"\r\n--b--"].concat(), "b");
        }
    }
}
