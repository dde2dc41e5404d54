//! `sluis catalogue`.

use std::fs;
use std::process::Command;

use crate::run::Folder;

const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../catalogue.toml");

#[test]
fn the_catalogue_is_checked_with_line_and_field() {
    let folder = Folder::new();
    let checked = folder.run(&["catalogue", "check", CATALOGUE]).good();
    assert!(
        checked.ends_with("good: 6 deliberations, 4 mandate types, 1 statutory bases\n"),
        "{checked}"
    );
    let text = fs::read_to_string(CATALOGUE).unwrap();
    folder.file(
        "catalogue.toml",
        &text.replacen("grantMinimumLevel = 400", "grantMinimumLevel = 300", 1),
    );
    folder.run(&["catalogue", "check"]).bad(
        3,
        &[
            "catalogue.toml: line ",
            ": deliberations[1].framework.grantMinimumLevel: expected a level of at least 400",
        ],
    );
    folder
        .run(&["catalogue", "show"])
        .bad(3, &["catalogue.toml: line "]);
    folder
        .run(&["catalogue", "check", "none.toml"])
        .bad(1, &["none.toml: "]);
    folder.file("binary.toml", "");
    fs::write(folder.0.join("binary.toml"), [0xff, 0xfe]).unwrap();
    folder
        .run(&["catalogue", "check", "binary.toml"])
        .bad(1, &["expected text in UTF-8"]);
    folder.file("large.toml", &"#".repeat((1 << 20) + 1));
    folder
        .run(&["catalogue", "check", "large.toml"])
        .bad(1, &["larger than 1048576 bytes"]);
}

#[test]
fn the_catalogue_is_shown_as_at_a_moment() {
    let folder = Folder::new();
    let show = |at: &str| {
        folder
            .run(&["catalogue", "show", CATALOGUE, "--at", at])
            .good()
    };
    let before = show("2024-12-17T23:59:59+01:00");
    assert!(
        before.starts_with("At 2024-12-17T22:59:59Z, catalogue "),
        "{before}"
    );
    assert!(
        before.contains("24/222   framework  not yet in force, from 2024-12-17T23:00:00Z"),
        "{before}"
    );
    assert!(
        before.contains("19/004   framework  in force as version 1 of 2019-01-15"),
        "{before}"
    );
    let after = show("2024-12-18T00:00:00+01:00");
    assert!(
        after.contains("24/222   framework  in force as version 1 of 2024-12-03"),
        "{after}"
    );
    assert!(
        after.contains("19/004   framework  repealed by 24/222 from 2024-12-17T23:00:00Z"),
        "{after}"
    );
    // 2024-03-31T21:59:59Z and the next second, as seconds since 1970.
    assert!(
        show("1711922399")
            .contains("mimosis                17/020 in force as version 6 of 2023-12-05")
    );
    assert!(
        show("1711922400").contains("mimosis                17/020 ended at 2024-03-31T22:00:00Z")
    );
    assert!(
        folder
            .run(&["catalogue", "show", CATALOGUE])
            .good()
            .contains("SIM/001")
    );
    // M-21.4, below the type.
    assert!(
        after.contains(
            "retention P30D\n                         logs verificationSystem mandates, tokens; mandateHolder requests, responses; validator accesses\n"
        ),
        "{after}"
    );
    folder
        .run(&["catalogue", "show", CATALOGUE, "--at", "yesterday"])
        .bad(2, &["RFC 3339"]);
}

#[test]
fn the_digest_is_that_of_sha256sum() {
    let folder = Folder::new();
    folder.file("catalogue.toml", &fs::read_to_string(CATALOGUE).unwrap());
    let ours = folder.run(&["catalogue", "digest"]).good();
    let theirs = Command::new("sha256sum")
        .arg("catalogue.toml")
        .current_dir(&folder.0)
        .output();
    if let Ok(theirs) = theirs {
        assert_eq!(ours, String::from_utf8(theirs.stdout).unwrap());
    }
    assert_eq!(ours.split("  ").next().unwrap().len(), 64);
}
