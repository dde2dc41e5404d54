//! What a configuration file may say, and how it is told what it may not.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up should panic"
)]

use sluis_gate::{Config, ConfigError, Embedded};
use sluis_policy::Catalogue;

fn root(file: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn no_files(path: &str) -> Result<String, String> {
    Err(format!("{path} is not there"))
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::try_from(Embedded::from_toml(text, no_files)?)
}

/// The simulation's file with one text replaced.
fn changed(from: &str, to: &str) -> ConfigError {
    let text = root("simulation.toml");
    assert!(text.contains(from), "{from}");
    parse(&text.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn both_files_of_the_project_fit_the_catalogue() {
    let catalogue = Catalogue::from_toml(&root("catalogue.toml")).unwrap();
    for file in ["sluis.toml", "simulation.toml"] {
        let embedded = Embedded::from_toml(&root(file), no_files).unwrap();
        let read_back = Embedded::from_json(&embedded.to_json().unwrap()).unwrap();
        Config::try_from(read_back)
            .unwrap()
            .check_against(&catalogue)
            .unwrap();
    }
}

#[test]
fn an_unknown_a_missing_and_a_mistyped_field_are_named_with_their_line() {
    for (from, to, field, says) in [
        (
            "realm = ",
            "relm = ",
            "institution.relm",
            "unknown field `relm`",
        ),
        (
            "timeout_ms = 10000\n",
            "",
            "upstream",
            "missing field `timeout_ms`",
        ),
        (
            "timeout_ms = 10000",
            "timeout_ms = \"10 s\"",
            "upstream.timeout_ms",
            "expected u32",
        ),
        (
            "\"EdDSA\"",
            "\"none\"",
            "issuers[0].algorithms[0]",
            "unknown variant `none`",
        ),
        (
            "\"EdDSA\"",
            "\"HS256\"",
            "issuers[0].algorithms[0]",
            "expected one of `EdDSA`",
        ),
        (
            "kind = \"cbss\"",
            "kind = \"CBSS\"",
            "issuers[0].kind",
            "unknown variant",
        ),
        (
            "basis = \"mandate\"",
            "basis = true",
            "routes[0].basis",
            "wanted string",
        ),
        ("[limits]", "[limits", "(file)", ""),
    ] {
        let error = changed(from, to);
        let ConfigError::Syntax {
            field: found,
            line,
            message,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(found, field, "{error}");
        assert!(*line > 1, "{error}");
        assert!(message.contains(says), "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

/// What is changed in the simulation's file, and the field that is named for it.
const WEAKENING: &[(&str, &str, &str)] = &[
    (
        "max_token_lifetime_seconds = 300",
        "max_token_lifetime_seconds = 901",
        "issuers.max_token_lifetime_seconds",
    ),
    (
        "max_token_lifetime_seconds = 300",
        "max_token_lifetime_seconds = 0",
        "issuers.max_token_lifetime_seconds",
    ),
    (
        "clock_skew_seconds = 5",
        "clock_skew_seconds = 61",
        "issuers",
    ),
    (
        "[\"EdDSA\", \"ES256\", \"ES384\", \"PS256\", \"RS256\"]",
        "[]",
        "issuers",
    ),
    (
        "https://nic.simulation.sluis.invalid",
        "https://cbss.simulation.sluis.invalid",
        "issuers.issuer",
    ),
    (
        "url = \"http://127.0.0.1:8788/simulation/cbss",
        "url = \"http://192.0.2.1/simulation/cbss",
        "issuers.jwks.url",
    ),
    (
        "url = \"http://127.0.0.1:8788/simulation/cbss",
        "url = \"http://127.0.0.1.evil.invalid/cbss",
        "issuers.jwks.url",
    ),
    (
        "url = \"http://127.0.0.1:8788/simulation/cbss",
        "url = \"file:///etc/cbss",
        "issuers.jwks.url",
    ),
    ("jwks.json\" }", "jwks.json?x=1\" }", "issuers.jwks.url"),
    ("subject = { body = \"/ssin\" }", "", "routes.subject"),
    (
        "subject = { body = \"/ssin\" }",
        "subject = { body = \"ssin\" }",
        "routes.subject.body",
    ),
    (
        "subject = { body = \"/ssin\" }",
        "subject = { body = \"/ssin\", path = \"x\" }",
        "routes.subject",
    ),
    (
        "subject = { path = \"ssin\" }",
        "subject = { path = \"niss\" }",
        "routes.subject.path",
    ),
    (
        "operation = \"listPensionRights\"",
        "operation = \"getPensionRights\"",
        "routes.operation",
    ),
    (
        "path = \"/mutuality/v1/benefits/get\"",
        "path = \"/pension/v1/rights/get\"",
        "routes.path",
    ),
    (
        "path = \"/mutuality/v1/benefits/get\"",
        "path = \"/health\"",
        "routes.path",
    ),
    ("method = \"GET\"", "method = \"get\"", "routes.method"),
    (
        "purpose = \"simPensionSimulation\"",
        "purpose = \"*\"",
        "routes",
    ),
    (
        "data_categories = [\"simPensionRights\"]",
        "data_categories = []",
        "routes",
    ),
    (
        "forward_headers = [\"prefer\"]",
        "forward_headers = [\"cookie\"]",
        "upstream.forward_headers",
    ),
    (
        "forward_headers = [\"prefer\"]",
        "forward_headers = [\"X-Forwarded-For\"]",
        "upstream.forward_headers",
    ),
    (
        "url = \"http://127.0.0.1:8788/simulation/backend\"",
        "url = \"http://backend.invalid\"",
        "upstream.url",
    ),
    (
        "url = \"http://127.0.0.1:8788/simulation/backend\"",
        "url = \"http://127.0.0.1:1/a/../b\"",
        "upstream.url",
    ),
    (
        "timeout_ms = 10000",
        "timeout_ms = 0",
        "upstream.timeout_ms",
    ),
    (
        "assertion_lifetime_seconds = 30",
        "assertion_lifetime_seconds = 61",
        "upstream.assertion_lifetime_seconds",
    ),
    (
        "buffered_body_bytes = 65536",
        "buffered_body_bytes = 2000000",
        "limits.buffered_body_bytes",
    ),
    (
        "filtered_body_bytes = 1048576",
        "filtered_body_bytes = 5000000",
        "limits.filtered_body_bytes",
    ),
    // It would not be filtered, whatever stands beside it.
    (
        "response = \"fields\"",
        "response = \"opaque\"",
        "routes.fields_in",
    ),
    (
        "aggregate_interval_ms = 10000",
        "aggregate_interval_ms = 30000",
        "log.aggregate_interval_ms",
    ),
    (
        "service = \"invalid.sluis.simulation.v1\"",
        "service = \"v1\"",
        "log",
    ),
    (
        "aggregate_interval_ms = 10000",
        "aggregate_interval_ms = 10000\nshards = 0",
        "log.shards",
    ),
    (
        "aggregate_interval_ms = 10000",
        "aggregate_interval_ms = 10000\nshards = 17",
        "log.shards",
    ),
    (
        "aggregate_interval_ms = 10000",
        "aggregate_interval_ms = 10000\nshards = 4\nclosed = [\"/log/3\"]",
        "log.shards",
    ),
    (
        "aggregate_interval_ms = 10000",
        "aggregate_interval_ms = 10000\nclosed = [\"/log/03\"]",
        "log.closed",
    ),
    (
        "realm = \"sluis-simulation\"",
        "realm = \"a\\\"b\"",
        "institution.realm",
    ),
    (
        "url = \"https://api.simulation.sluis.invalid\"",
        "url = \"http://api.simulation.sluis.invalid\"",
        "institution.url",
    ),
    (
        "url = \"https://api.simulation.sluis.invalid\"",
        "url = \"https://api.simulation.sluis.invalid/\"",
        "institution.url",
    ),
    // Nobody but the client could have set the field.
    (
        "mode = \"both\"",
        "mode = \"inline\"",
        "upstream.trust_client_cert_field",
    ),
    // It could be continued into another folder, or another host.
    (
        "http://127.0.0.1:8788/simulation/cbss/status/\"",
        "http://127.0.0.1:8788/simulation/cbss/status\"",
        "issuers.status_lists",
    ),
    (
        "http://127.0.0.1:8788/simulation/cbss/status/\"",
        "https://127.0.0.1:8788\"",
        "issuers.status_lists",
    ),
    (
        "http://127.0.0.1:8788/simulation/cbss/status/\"",
        "http://lists.invalid/\"",
        "issuers.status_lists",
    ),
    (
        "http://127.0.0.1:8788/simulation/cbss/status/\"",
        "https://lists.invalid/a/../\"",
        "issuers.status_lists",
    ),
];

#[test]
fn a_value_that_would_weaken_the_gate_is_refused() {
    for (from, to, field) in WEAKENING {
        let error = changed(from, to);
        let found = match &error {
            ConfigError::Invalid { field, .. } | ConfigError::Unusable { field, .. } => field,
            ConfigError::Syntax { .. }
            | ConfigError::File { .. }
            | ConfigError::Embedded { .. } => panic!("{to}: {error}"),
        };
        assert_eq!(found, field, "{to}: {error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn production_stands_in_front_in_one_way() {
    let text = root("sluis.toml");
    assert!(text.contains("mode = \"inline\""));
    assert!(parse(&text.replacen("mode = \"inline\"", "mode = \"decision\"", 1)).is_ok());
    let both = parse(&text.replacen("mode = \"inline\"", "mode = \"both\"", 1));
    assert!(both.unwrap_err().to_string().contains("upstream.mode"));
}

#[test]
fn a_key_file_is_embedded_and_checked() {
    let url = "{ url = \"http://127.0.0.1:8788/simulation/cbss/.well-known/jwks.json\" }";
    let text = root("simulation.toml").replacen(url, "{ file = \"keys.json\" }", 1);
    let absent = Embedded::from_toml(&text, no_files)
        .unwrap_err()
        .to_string();
    assert!(absent.contains("keys.json is not there"), "{absent}");
    let secret = r#"{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}"#;
    let refused = Embedded::from_toml(&text, |_| Ok(secret.to_owned())).unwrap_err();
    assert!(matches!(refused, ConfigError::File { .. }), "{refused}");
    let key = sluis_token::sign::SigningKey::generate(sluis_token::Algorithm::Es256).unwrap();
    let set = format!("{{\"keys\":[{}]}}", key.public_jwk_json());
    let embedded = Embedded::from_toml(&text, |_| Ok(set.clone())).unwrap();
    Config::try_from(Embedded::from_json(&embedded.to_json().unwrap()).unwrap()).unwrap();
}

#[test]
fn an_operation_outside_the_catalogue_is_no_configuration() {
    let catalogue = Catalogue::from_toml(&root("catalogue.toml")).unwrap();
    let text = root("simulation.toml");
    for (from, to, field) in [
        (
            "purpose = \"simPensionSimulation\"",
            "purpose = \"simUnknown\"",
            "routes",
        ),
        ("[\"simPensionRights\"]", "[\"simBenefitStatus\"]", "routes"),
    ] {
        let config = parse(&text.replacen(from, to, 1)).unwrap();
        let error = config.check_against(&catalogue).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn every_operation_says_whether_its_answer_is_filtered_and_by_which_fields() {
    let said = changed("response = \"opaque\"\n", "").to_string();
    assert!(
        said.contains("routes[2]") && said.contains("`response`"),
        "{said}"
    );
    let said = changed("response = \"opaque\"", "response = \"all\"").to_string();
    assert!(said.contains("`fields` or `opaque`"), "{said}");
    let catalogue = root("catalogue.toml");
    let text = root("simulation.toml");
    let check = |text: &str, catalogue: &str| {
        let catalogue = Catalogue::from_toml(catalogue).unwrap();
        parse(text).unwrap().check_against(&catalogue)
    };
    check(&text, &catalogue).unwrap();
    // A field within another is a path too.
    let deeper = catalogue.replace("scheme = \"exact\"", "\"scheme.code\" = \"exact\"");
    check(&text, &deeper).unwrap();
    for within in ["", "a..b", "items[0]", "*", "a.b.c.d.e.f.g.h"] {
        let text = text.replacen(
            "fields_in = \"data\"",
            &format!("fields_in = \"{within}\""),
            1,
        );
        let said = check(&text, &catalogue).unwrap_err().to_string();
        assert!(said.contains("routes.fields_in"), "{within}: {said}");
    }
}

#[test]
fn addresses_of_a_local_run_are_taken_only_where_they_are_harmless() {
    let simulation = || parse(&root("simulation.toml")).unwrap();
    assert!(
        simulation()
            .with_simulation_origin("http://127.0.0.1:4000")
            .is_ok()
    );
    assert!(
        simulation()
            .with_simulation_origin("https://keys.invalid")
            .is_err()
    );
    assert!(
        simulation()
            .with_simulation_origin("http://127.0.0.1:4000/x")
            .is_err()
    );
    let production = || parse(&root("sluis.toml")).unwrap();
    assert!(
        production()
            .with_simulation_origin("http://127.0.0.1:4000")
            .is_err()
    );
    assert!(
        production()
            .with_upstream("http://127.0.0.1:4000/api")
            .is_ok()
    );
    assert!(production().with_upstream("http://10.0.0.1").is_err());
    assert!(
        production()
            .with_upstream("https://backend.invalid")
            .is_ok()
    );
}

#[test]
fn enforcement_is_whole_unless_the_file_says_otherwise_and_then_it_is_loud() {
    let with = |section: &str| {
        let text = root("simulation.toml");
        parse(&text.replacen(
            "[upstream]",
            &format!("[enforcement]\n{section}\n[upstream]"),
            1,
        ))
    };
    assert!(
        parse(&root("simulation.toml"))
            .unwrap()
            .warnings()
            .is_empty()
    );
    assert!(parse(&root("sluis.toml")).unwrap().warnings().is_empty());
    assert!(with("verdict = \"enforce\"").unwrap().warnings().is_empty());
    for section in [
        "verdict = \"shadow\"",
        "shadow_rules = [\"termsAccepted\", \"userRole\"]",
    ] {
        let warnings = with(section).unwrap().warnings();
        assert_eq!(warnings.len(), 1, "{section}");
        assert!(warnings.concat().contains("`enforcement."), "{section}");
    }
    for (section, field, says) in [
        (
            "verdict = \"off\"",
            "enforcement.verdict",
            "expected `enforce` or `shadow`",
        ),
        ("verdict = true", "enforcement.verdict", "wanted string"),
        ("mode = \"shadow\"", "enforcement.mode", "unknown field"),
        (
            "shadow_rules = [\"termsaccepted\"]",
            "enforcement.shadow_rules",
            "termsaccepted",
        ),
        (
            "shadow_rules = [\"mandateWindow\"]",
            "enforcement.shadow_rules",
            "always enforced",
        ),
        (
            "shadow_rules = [\"subjectMismatch\"]",
            "enforcement.shadow_rules",
            "no rule",
        ),
        (
            "shadow_rules = [\"userRole\", \"userRole\"]",
            "enforcement.shadow_rules",
            "twice",
        ),
    ] {
        let error = with(section).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains(says), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_candidate_is_checked_like_what_decides() {
    let catalogue = root("catalogue.toml");
    let with = |section: &str, issuer: &str| {
        let jwks = "kind = \"cbss\"\n";
        let text = root("simulation.toml").replacen(jwks, &format!("{jwks}{issuer}\n"), 1);
        let text = format!("{text}\n{section}");
        let read = |file: &str| match file {
            "next.toml" => Ok(catalogue.clone()),
            "bad.toml" => Ok("format = 1\n[nonsense]".to_owned()),
            "bad.json" => Ok("{}".to_owned()),
            other => Err(format!("{other} is not there")),
        };
        Embedded::from_toml(&text, read).map(|_| ())
    };
    assert_eq!(with("[compare]\ncatalogue = \"next.toml\"", ""), Ok(()));
    assert_eq!(with("[compare]", ""), Ok(()));
    let url = "candidate_jwks = { url = \"http://127.0.0.1:1/jwks\" }";
    assert_eq!(with("", url), Ok(()));
    for (section, issuer, field, says) in [
        (
            "[compare]\ncatalogue = \"none.toml\"",
            "",
            "compare.catalogue",
            "not there",
        ),
        (
            "[compare]\ncatalogue = \"bad.toml\"",
            "",
            "compare.catalogue",
            "bad.toml",
        ),
        (
            "[compare]\nkeys = true",
            "",
            "compare.keys",
            "unknown field",
        ),
        (
            "",
            "candidate_jwks = {}",
            "issuers.candidate_jwks",
            "exactly one",
        ),
        (
            "",
            "candidate_jwks = { file = \"bad.json\" }",
            "issuers.candidate_jwks.file",
            "bad.json",
        ),
        (
            "",
            "candidate_jwks = { url = \"http://example.invalid/jwks\" }",
            "issuers.candidate_jwks.url",
            "expected",
        ),
        (
            "",
            "candidate_jwks = { url = \"http://127.0.0.1:1/j\", x = 1 }",
            "issuers[0].candidate_jwks.x",
            "unknown field",
        ),
    ] {
        let error = with(section, issuer).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains(says), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_variable_puts_the_simulation_in_shadow_and_production_never() {
    let simulation = || parse(&root("simulation.toml")).unwrap();
    let shadow = simulation().with_simulation_enforcement("shadow").unwrap();
    assert_eq!(shadow.warnings().len(), 1);
    let back = shadow.with_simulation_enforcement("enforce").unwrap();
    assert!(back.warnings().is_empty());
    assert!(simulation().with_simulation_enforcement("off").is_err());
    let production = parse(&root("sluis.toml")).unwrap();
    let error = production
        .with_simulation_enforcement("shadow")
        .unwrap_err();
    assert!(error.to_string().contains("unset in production"), "{error}");
}
