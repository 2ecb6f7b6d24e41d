use super::*;

fn resolve(layers: Layers) -> Result<Settings, SettingsError> {
    let places = Places {
        current_dir: "/here".into(),
        data_dir: Some("/home/someone/.local/share/telemetry".into()),
    };
    Settings::resolve(layers, &places)
}

fn pairs(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(name, text): &(&str, &str)| (name.to_owned(), text.to_owned());
    variables.iter().map(owned).collect()
}

fn environment(variables: &[(&str, &str)]) -> Layers {
    Layers::defaults().environment(pairs(variables))
}

#[test]
fn defaults_are_the_protocols_own_ports_for_this_machine_only() {
    let settings = resolve(Layers::defaults()).unwrap();
    let in_any_case = settings.endpoints().only(|_| false);
    assert_eq!(in_any_case, Endpoints::default());
    assert!(
        settings
            .shown()
            .all(|(_, _, origin)| *origin == Origin::Default)
    );
    settings.check_exposure().unwrap();
}

#[test]
fn each_layer_beats_the_one_below() {
    let all = [
        ("ENVIRONMENT", "5"),
        ("CLICKHOUSE_USER", "5"),
        ("TELEMETRY_HOST", "::5"),
        ("TELEMETRY_RETENTION_DAYS", "5"),
    ];
    let dotenv = all.map(|(name, text)| format!("{name}={text}\n")).concat();
    let settings = resolve(
        Layers::defaults()
            .dotenv("/here/.env".into(), &dotenv)
            .unwrap()
            .recorded(&pairs(&all[1..]).into_iter().collect())
            .environment(pairs(&all[2..]))
            .flags([(Variable::RetentionDays, "5".to_owned())]),
    )
    .unwrap();
    let dotenv = Origin::DotEnv {
        path: "/here/.env".into(),
        line: 1,
    };
    assert_eq!(settings.environment.origin, dotenv);
    assert_eq!(settings.clickhouse_user.origin, Origin::Recorded);
    assert_eq!(settings.host.origin, Origin::Environment);
    assert_eq!(settings.retention_days.origin, Origin::Flag);
    assert_eq!(settings.engine.origin, Origin::Default);
}

#[test]
fn an_empty_variable_is_none_and_an_empty_flag_is_a_mistake() {
    let settings = resolve(environment(&[("TELEMETRY_HOST", "")])).unwrap();
    assert_eq!(settings.host.origin, Origin::Default);
    let flag = Layers::defaults().flags([(Variable::Host, String::new())]);
    assert!(resolve(flag).is_err());
}

#[test]
fn an_invalid_value_is_reported_with_its_place() {
    let message = |layers| resolve(layers).unwrap_err().to_string();
    assert_eq!(
        message(environment(&[("TELEMETRY_OTLP_HTTP_PORT", "http")])),
        "`TELEMETRY_OTLP_HTTP_PORT` in the environment is `http`: expected a port, 1 to 65535"
    );
    let dotenv = Layers::defaults().dotenv("/here/.env".into(), "\nTELEMETRY_HOST=here");
    assert_eq!(
        message(dotenv.unwrap()),
        "/here/.env:2: `TELEMETRY_HOST` is `here`: expected an IP address, such as `127.0.0.1` \
         or `0.0.0.0`"
    );
    assert_eq!(
        message(Layers::defaults().flags([(Variable::Project, "../x".to_owned())])),
        "`--project` is `../x`: expected a letter or digit, then up to 62 of `a-z`, `0-9`, `_` \
         and `-`"
    );
    let malformed = Layers::defaults().dotenv("/here/.env".into(), "ENVIRONMENT='x");
    assert_eq!(
        malformed.unwrap_err().to_string(),
        "/here/.env:1: the quote is not closed on this line"
    );
}

#[test]
fn two_endpoints_cannot_share_a_port() {
    let error = resolve(environment(&[("TELEMETRY_HEALTH_PORT", "4318")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`TELEMETRY_HEALTH_PORT` in the environment is `4318`: `TELEMETRY_OTLP_HTTP_PORT` is the \
         same port"
    );
}

#[test]
fn relative_paths_begin_where_the_command_was_given() {
    let settings = resolve(environment(&[
        ("TELEMETRY_DATA_DIR", "data"),
        ("TELEMETRY_ENGINE_LIBRARY", "/opt/libchdb.so"),
    ]))
    .unwrap();
    assert_eq!(settings.data_dir.value, Path::new("/here/data"));
    let library = settings.engine_library.unwrap();
    assert_eq!(library.value, Path::new("/opt/libchdb.so"));
}

#[test]
fn default_passwords_are_not_exposed_to_other_machines() {
    let refusal = |variables: &[(&str, &str)]| {
        let exposed = resolve(environment(variables)).unwrap().check_exposure();
        exposed.err().map(|error| error.to_string())
    };
    let everywhere = ("TELEMETRY_HOST", "0.0.0.0");
    assert_eq!(
        refusal(&[everywhere, ("CLICKHOUSE_PASSWORD", "x")]).unwrap(),
        "refusing to listen on `0.0.0.0` with the default `CLICKHOUSE_INGEST_PASSWORD`, \
         `CLICKHOUSE_GRAFANA_PASSWORD` and `GF_SECURITY_ADMIN_PASSWORD`"
    );
    // What counts is the password, not who wrote it.
    assert!(refusal(&[everywhere, ("CLICKHOUSE_PASSWORD", "telemetry_password")]).is_some());
    let changed = [
        everywhere,
        ("CLICKHOUSE_PASSWORD", "x"),
        ("CLICKHOUSE_INGEST_PASSWORD", "y"),
        ("CLICKHOUSE_GRAFANA_PASSWORD", "z"),
        ("GF_SECURITY_ADMIN_PASSWORD", "a"),
    ];
    assert_eq!(refusal(&changed), None);
    assert_eq!(refusal(&[("TELEMETRY_HOST", "127.9.9.9")]), None);
    assert_eq!(refusal(&[("TELEMETRY_HOST", "::1")]), None);
}

#[test]
fn secrets_are_masked_wherever_settings_are_shown() {
    let settings = resolve(environment(&[("CLICKHOUSE_PASSWORD", "hunter2")])).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(settings.shown().all(|(_, text, _)| text != "hunter2"));
    let invalid = resolve(environment(&[("CLICKHOUSE_PASSWORD", "hunter\n2")])).unwrap_err();
    assert!(!invalid.to_string().contains("hunter"));
}

#[test]
fn what_is_recorded_is_understood_again() {
    let started = resolve(environment(&[
        ("CLICKHOUSE_PASSWORD", "hunter2"),
        ("TELEMETRY_HEALTH_PORT", "9999"),
    ]))
    .unwrap();
    let later = resolve(Layers::defaults().recorded(&started.to_recorded())).unwrap();
    assert_eq!(later.desired(|_| true), started.desired(|_| true));
    assert_eq!(later.project.origin, Origin::Default);
}
