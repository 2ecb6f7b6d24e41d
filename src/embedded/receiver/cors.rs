//! Cross-origin requests: a page from anywhere may send telemetry.
//!
//! The receiver asks for no credentials, so none can be misused; but browsers send beacons in
//! a mode that does not accept `*`, hence the origin is echoed.

use http::{HeaderMap, HeaderValue, header};

/// How long a browser may remember the answer to a preflight, in seconds; two hours is the
/// most that Chromium allows.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Allows the page that sent `request` to read the answer.
pub fn allow(request: &HeaderMap, answer: &mut HeaderMap) {
    let Some(origin) = request.get(header::ORIGIN) else {
        return;
    };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    answer.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("retry-after"),
    );
    answer.append(header::VARY, HeaderValue::from_static("origin"));
}

/// Allows the request that a browser asks about before it sends it.
pub fn allow_preflight(request: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST"),
    );
    if let Some(headers) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
    }
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}
