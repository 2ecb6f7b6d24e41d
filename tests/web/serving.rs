//! What is served, and to whom.

use reqwest::{RequestBuilder, StatusCode};

use crate::support::{
    otlp::{Answer, Sender},
    stack::Stack,
};

/// What a browser may do with the page, whatever is in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Sends requests to the page.
struct Visitor<'s> {
    stack: &'s Stack,
    sender: Sender<'s>,
}

impl<'s> Visitor<'s> {
    fn new(stack: &'s Stack) -> Self {
        Self {
            stack,
            sender: Sender::new(stack),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.get_with(path, |request| request)
    }

    fn get_with(&self, path: &str, with: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Answer {
        let url = self.stack.dashboards_url(path);
        self.sender.send(|http, _| with(http.get(url)))
    }

    fn query(&self, path: &str, sql: &'static str) -> Answer {
        let url = self.stack.dashboards_url(path);
        self.sender.send(|http, _| http.post(url).body(sql))
    }
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).expect("it is text")
}

#[test]
fn the_page_comes_with_all_that_it_needs_and_may_load_nothing_else() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let visitor = Visitor::new(&stack);
    let page = visitor.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(
        visitor.get("/d/telemetry-traces?var-trace=a").body,
        page.body
    );

    // As a browser finds them: from the page, and from one module to another.
    let mut wanted = vec![("/".to_owned(), text(&page).to_owned())];
    let mut seen = Vec::new();
    while let Some((path, content)) = wanted.pop() {
        for link in links(&path, &content) {
            if seen.contains(&link) {
                continue;
            }
            let answer = visitor.get(&link);
            assert_eq!(answer.status, 200, "{link} of {path}");
            assert_eq!(answer.header("content-security-policy"), Some(POLICY));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            if let Some((_, "js")) = link.rsplit_once('.') {
                let kind = Some("text/javascript; charset=utf-8");
                assert_eq!(answer.header("content-type"), kind, "{link}");
                wanted.push((link.clone(), text(&answer).to_owned()));
            }
            seen.push(link);
        }
    }
    assert!(
        seen.iter().any(|path| path == "/assets/main.js"),
        "{seen:?}"
    );
    assert!(seen.iter().any(|path| path.contains("uplot")), "{seen:?}");

    for path in [
        "/assets/",
        "/assets/none.js",
        "/assets/../Cargo.toml",
        "/x",
        "/api/x",
    ] {
        assert_eq!(visitor.get(path).status, 404, "{path}");
    }
    let tag = page.header("etag").expect("it has one");
    let known = visitor.get_with("/", |request| request.header("if-none-match", tag));
    assert_eq!((known.status, known.body.len()), (304, 0));
    let other = visitor.get_with("/", |request| request.header("if-none-match", "\"1\""));
    assert_eq!(other.status, 200);
}

/// What a file of the page refers to, as paths.
fn links(of: &str, content: &str) -> Vec<String> {
    let quoted = content.split(['"', '\'']).skip(1).step_by(2);
    let (directory, _) = of.rsplit_once('/').expect("it is a path");
    let path = |link: &str| {
        if link.starts_with("/assets/") {
            return Some(link.to_owned());
        }
        let parent = directory.rsplit_once('/').map(|(parent, _)| parent);
        match (link.strip_prefix("./"), link.strip_prefix("../")) {
            (Some(link), _) => Some(format!("{directory}/{link}")),
            (_, Some(link)) => Some(format!("{}/{link}", parent?)),
            _ => None,
        }
    };
    quoted
        .filter(|link| !link.contains(' '))
        .filter_map(path)
        .collect()
}

#[test]
fn the_dashboards_are_grafanas_files() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let visitor = Visitor::new(&stack);
    let menu: serde_json::Value =
        serde_json::from_slice(&visitor.get("/api/dashboards").body).expect("it is JSON");
    let uids: Vec<_> = menu
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|it| &it["uid"])
        .collect();
    assert_eq!(
        uids,
        [
            "telemetry-overview",
            "telemetry-services",
            "telemetry-traces",
            "telemetry-logs",
            "telemetry-metrics",
            "telemetry-stack"
        ]
    );
    let overview = visitor.get("/api/dashboards/telemetry-overview");
    assert_eq!(
        text(&overview),
        include_str!("../../assets/grafana/dashboards/overview.json")
    );
    assert_eq!(visitor.get("/api/dashboards/overview").status, 404);
}

#[test]
fn the_page_asks_as_the_user_that_may_only_read() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let visitor = Visitor::new(&stack);
    let answer = visitor.query("/api/query", "SELECT 'a' AS x, toUInt8(1) AS y");
    assert_eq!(answer.status, 200);
    let json: serde_json::Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    assert_eq!(json["data"].to_string(), r#"[["a",1]]"#);
    assert_eq!(
        json["meta"][1].to_string(),
        r#"{"name":"y","type":"UInt8"}"#
    );

    for sql in [
        "INSERT INTO traces (service_name) VALUES ('a')",
        "TRUNCATE TABLE traces",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')",
    ] {
        // Whoever else the address says that it is.
        for path in [
            "/api/query",
            "/api/query?user=telemetry&password=telemetry_password",
        ] {
            let answer = visitor.query(path, sql);
            assert!(answer.status >= 400, "{sql}: {}", text(&answer));
            assert!(
                text(&answer).starts_with("Code: "),
                "{sql}: {}",
                text(&answer)
            );
        }
    }
    assert_eq!(stack.query("SELECT count() FROM traces"), "0");
    assert_eq!(visitor.get("/api/query?query=SELECT+1").status, 405);
}

#[test]
fn with_a_password_of_ones_own_the_page_asks_for_it() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    let start = stack
        .start_with("")
        .env("GF_SECURITY_ADMIN_PASSWORD", "sécret");
    let started = start.output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let visitor = Visitor::new(&stack);
    for path in [
        "/",
        "/assets/main.js",
        "/api/dashboards",
        "/api/query",
        "/none",
    ] {
        let answer = visitor.get(path);
        assert_eq!(answer.status, 401, "{path}");
        let challenge = answer.header("www-authenticate").expect("it is asked");
        assert!(challenge.starts_with("Basic "), "{challenge}");
    }
    let login =
        |user, password| visitor.get_with("/", |request| request.basic_auth(user, Some(password)));
    assert_eq!(login("admin", "admin").status, 401);
    assert_eq!(login("grafana", "sécret").status, 401);
    assert_eq!(login("admin", "sécret").status, 200);
    assert_eq!(visitor.get("/api/health").status, 200);

    let shown = stack.telemetry("dashboard --print").output();
    assert_eq!(shown.stdout.trim(), stack.dashboards_url(""));
    assert!(
        shown
            .stderr
            .contains("Log in as `admin` with `GF_SECURITY_ADMIN_PASSWORD`"),
        "{}",
        shown.stderr
    );
    assert_eq!(stack.telemetry("health").output().status, Some(0));
}

#[test]
fn without_one_the_page_is_there_for_this_machine_only() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let visitor = Visitor::new(&stack);
    let as_host = |host| visitor.get_with("/", |request| request.header("host", host));
    assert_eq!(as_host("localhost:3000").status, 200);
    let renamed = as_host("evil.example:3000");
    assert_eq!(renamed.status, StatusCode::FORBIDDEN.as_u16());
    assert!(
        text(&renamed).contains("`evil.example`"),
        "{}",
        text(&renamed)
    );
    let foreign = visitor.get_with("/api/dashboards", |request| {
        request
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "no-cors")
    });
    assert_eq!(foreign.status, StatusCode::FORBIDDEN.as_u16());

    let shown = stack.telemetry("dashboard --print").output();
    assert_eq!(shown.stdout.trim(), stack.dashboards_url(""));
    assert!(!shown.stderr.contains("Log in"), "{}", shown.stderr);
}
