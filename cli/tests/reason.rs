//! `sluis reason` as a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::process::Command;

/// Exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_sluis"))
        .arg("reason")
        .args(arguments)
        .output()
        .unwrap();
    (
        ran.status.code().unwrap(),
        String::from_utf8(ran.stdout).unwrap(),
        String::from_utf8(ran.stderr).unwrap(),
    )
}

fn good(arguments: &[&str]) -> String {
    let (code, out, err) = run(arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
    out
}

#[test]
fn a_code_is_explained_in_each_language() {
    let english = good(&["tokenExpired"]);
    for fact in [
        "tokenExpired\n",
        "`exp` is in the past",
        "answer: 401 expiredAccessToken\n",
        "profile §16",
        "log: entry of its own\n",
        "in the answer of the simulation: yes\n",
    ] {
        assert!(english.contains(fact), "{fact}: {english}");
    }
    assert_eq!(english, good(&["tokenExpired", "--language", "en"]));
    for (language, words) in [
        ("nl", "betekenis: Het token is verlopen"),
        ("fr", "signification: Le jeton a expiré"),
        ("de", "Bedeutung: Das Token ist abgelaufen"),
    ] {
        let text = good(&["tokenExpired", "--language", language]);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn without_a_code_all_are_listed_one_a_line() {
    for language in ["nl", "fr", "de", "en"] {
        let list = good(&["--language", language]);
        let codes = list.lines().filter(|line| line.starts_with("  "));
        // A number that only grows: codes never change their meaning.
        assert!(codes.count() > 150, "{language}");
        for code in [
            "  tokenMissing ",
            "  holderIdentityExposed ",
            "  logUnavailable ",
        ] {
            assert!(list.contains(code), "{language} {code}");
        }
    }
}

#[test]
fn the_document_is_printed_as_it_stands_in_the_project() {
    let document = include_str!("../../REASONS.md");
    assert_eq!(good(&["--markdown"]), document);
}

#[test]
fn an_unknown_code_is_4_and_the_one_that_was_meant_is_named() {
    for (written, said) in [
        (
            "tokenExpird",
            "sluis: no reason code \"tokenExpird\"; did you mean tokenExpired?\n",
        ),
        (
            "TOKENMISSING",
            "sluis: no reason code \"TOKENMISSING\"; did you mean tokenMissing?\n",
        ),
        (
            "x\ny",
            "sluis: no reason code \"x\\ny\"; sluis reason lists them\n",
        ),
    ] {
        assert_eq!(run(&[written]), (4, String::new(), said.to_owned()));
    }
}

#[test]
fn wrong_usage_is_2() {
    let (code, out, err) = run(&["tokenExpired", "--language", "it"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("there are nl, fr, de and en"), "{err}");
    assert_eq!(run(&["tokenExpired", "--markdown"]).0, 2);
}
