//! The catalogue file: what it says, and that every way to get it wrong is refused with its place.

use crate::mistakes::{refusal, with};
use crate::support::{CATALOGUE, extended, extended_text, time};
use sha2::{Digest, Sha256};
use sluis_policy::{
    Basis, Catalogue, CivilDate, Deliberation, Granularity, HolderIdentity, LONGEST_MANDATE_DAYS,
    Operation, OperationError, Standing, VerificationSystemKind,
};

fn golden() -> Catalogue {
    Catalogue::from_toml(CATALOGUE).unwrap()
}

#[test]
fn the_catalogue_says_what_is_known() {
    let catalogue = golden();
    let numbers: Vec<_> = catalogue
        .deliberations()
        .map(Deliberation::number)
        .collect();
    assert_eq!(
        numbers,
        [
            "19/004", "24/222", "17/020", "SIM/001", "SIM/002", "SIM/003"
        ]
    );

    let mimosis = catalogue
        .deliberations()
        .find(|entry| entry.number() == "17/020")
        .unwrap();
    let adopted: Vec<_> = mimosis
        .versions()
        .iter()
        .map(|version| version.adopted_on().to_string())
        .collect();
    assert_eq!(
        adopted,
        [
            "2017-03-07",
            "2017-06-06",
            "2020-01-14",
            "2022-12-06",
            "2023-03-07",
            "2023-12-05"
        ]
    );
    assert!(
        mimosis
            .versions()
            .iter()
            .all(|version| !version.is_in_force_from_stated())
    );
    let earlier: Vec<_> = mimosis
        .preceded_by()
        .iter()
        .map(|earlier| earlier.number.as_str())
        .collect();
    assert_eq!(earlier, ["07/21", "09/33", "11/22"]);

    let basis = catalogue.statutory_bases().next().unwrap();
    assert_eq!(basis.data_categories().len(), 17);
    assert_eq!(basis.retention().to_string(), "2024-03-31");
    // S-2.3, S-2.4: no amount, wage or date in full.
    for category in basis.data_categories() {
        for (field, granularity) in category.fields() {
            let name = field.as_str().to_lowercase();
            if name.contains("amount") || name.ends_with("wage") || name.ends_with("pay") {
                assert_eq!(*granularity, Granularity::Class, "{field}");
            }
            if name.ends_with("date") || name.ends_with("begin") || name.ends_with("end") {
                assert_eq!(*granularity, Granularity::YearMonth, "{field}");
            }
            if name.ends_with("id") || name.ends_with("ids") {
                assert_eq!(*granularity, Granularity::Pseudonym, "{field}");
            }
        }
    }

    let types: Vec<_> = catalogue
        .mandate_types()
        .map(|entry| {
            (
                entry.code(),
                entry.holder_identity(),
                catalogue.is_simulation_only(entry),
            )
        })
        .collect();
    assert_eq!(
        types,
        [
            ("simPensionOverview", HolderIdentity::Plain, true),
            ("simMutualityBenefits", HolderIdentity::Pseudonymised, true),
            ("simEndedOverview", HolderIdentity::Plain, true),
            ("simPensionQuote", HolderIdentity::Plain, true),
        ]
    );
}

/// Requirements §3.5.
#[test]
fn standings_change_to_the_second() {
    let catalogue = golden();
    let in_force = |number: &str, at: u64| match catalogue.standing(number, time(at)).unwrap() {
        Standing::InForce(version) => version.to_string(),
        Standing::NotYet { from } => format!("not yet, {from}"),
        Standing::Ended { at } => format!("ended, {at}"),
        Standing::Repealed { by, at } => format!("repealed by {by}, {at}"),
    };
    // 2024-12-17T22:59:59Z and 23:00:00Z.
    assert_eq!(in_force("24/222", 1_734_476_399), "not yet, 1734476400");
    assert_eq!(in_force("24/222", 1_734_476_400), "24/222@1");
    assert_eq!(in_force("19/004", 1_734_476_399), "19/004@1");
    assert_eq!(
        in_force("19/004", 1_734_476_400),
        "repealed by 24/222, 1734476400"
    );
    assert_eq!(
        catalogue
            .framework_at(time(1_734_476_399))
            .unwrap()
            .number(),
        "19/004"
    );
    assert_eq!(
        catalogue
            .framework_at(time(1_734_476_400))
            .unwrap()
            .number(),
        "24/222"
    );
    assert_eq!(catalogue.framework_at(time(1_500_000_000)), None);
    // 2024-03-31T21:59:59Z and 22:00:00Z.
    assert_eq!(in_force("17/020", 1_711_922_399), "17/020@6");
    assert_eq!(in_force("17/020", 1_711_922_400), "ended, 1711922400");
    // Each version begins with its day, Europe/Brussels, and the one before ends there.
    for (start, version) in [
        (1_488_841_200, 1),
        (1_496_700_000, 2),
        (1_578_956_400, 3),
        (1_670_281_200, 4),
        (1_678_143_600, 5),
        (1_701_730_800, 6),
    ] {
        assert_eq!(in_force("17/020", start), format!("17/020@{version}"));
        let before = if version == 1 {
            "not yet, 1488841200".to_owned()
        } else {
            format!("17/020@{}", version - 1)
        };
        assert_eq!(in_force("17/020", start - 1), before);
    }
    assert_eq!(catalogue.standing("23/001", time(0)), None);
}

#[test]
fn the_digest_is_of_the_file() {
    let expected: [u8; 32] = Sha256::digest(CATALOGUE.as_bytes()).into();
    assert_eq!(golden().digest(), expected);
    let commented = format!("{CATALOGUE}\n# a comment\n");
    assert_ne!(Catalogue::from_toml(&commented).unwrap().digest(), expected);
}

#[test]
fn embedding_keeps_everything() {
    let catalogue = Catalogue::from_toml(&extended_text()).unwrap();
    let embedded = catalogue.to_embedded();
    let again = Catalogue::from_embedded(&embedded).unwrap();
    assert_eq!(again.digest(), catalogue.digest());
    assert_eq!(again.to_embedded(), embedded);
    assert_eq!(format!("{again:?}"), format!("{catalogue:?}"));
}

#[test]
fn embedding_is_checked_again() {
    let embedded = golden().to_embedded();
    for (from, to, expected) in [
        (
            "\"minimumLevel\":400",
            "\"minimumLevel\":300",
            "at least 400",
        ),
        (
            "\"simulationOnly\":true",
            "\"simulationOnly\":false",
            "simulationOnly",
        ),
        (
            "\"format\":1",
            "\"format\":1,\"extra\":1",
            "unknown field `extra`",
        ),
        ("\"format\":1", "\"format\":2", "expected format 1"),
        ("{\"digest\":[", "{\"digest\":[0,", "cannot be read"),
    ] {
        assert!(embedded.contains(from), "{from}");
        let error = Catalogue::from_embedded(&embedded.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{from}: {error}");
    }
    assert!(Catalogue::from_embedded("").is_err());
    assert!(Catalogue::from_embedded(&format!("{embedded} {{}}")).is_err());
    assert!(
        Catalogue::from_embedded(&" ".repeat((1 << 20) + 1))
            .unwrap_err()
            .to_string()
            .contains("at most 1048576 bytes")
    );
}

#[test]
fn a_catalogue_needs_a_framework_that_is_held() {
    let text = CATALOGUE.replace("number = \"24/222\"", "number = \"24/223\"");
    assert!(
        Catalogue::from_toml(&text).is_ok(),
        "only the number differs"
    );
    let none = "format = 1\nmandateTypes = []\nstatutoryBases = []\ndeliberations = []\n";
    assert_eq!(
        refusal(none),
        "line 4: deliberations: expected at least one entry, found an empty list"
    );
    let start = CATALOGUE.find("[[deliberations]]").unwrap();
    let end = start
        + CATALOGUE[start..]
            .find("# The general framework for")
            .unwrap();
    let old_only = format!(
        "format = 1\nmandateTypes = []\nstatutoryBases = []\n{}",
        &CATALOGUE[start..end]
    );
    assert!(
        refusal(&old_only)
            .contains("expected a deliberation of kind framework with contents encoded")
    );
}

/// A real deliberation and a fictitious one behind one type would bring the fiction into production.
#[test]
fn simulation_and_production_do_not_mix() {
    let text = extended_text().replace("SIM/902", "26/902");
    let start = text.find("number = \"26/902\"").unwrap();
    let (before, entry) = text.split_at(start);
    let entry = entry
        .replacen(
            "chamber = \"none\"",
            "chamber = \"socialSecurityAndHealth\"",
            1,
        )
        .replacen("simulationOnly = true", "simulationOnly = false", 1);
    let error = refusal(&format!("{before}{entry}"));
    assert!(
        error.contains(
            "mandateTypes[5].deliberations: expected deliberations that are all simulation-only"
        ),
        "{error}"
    );
}

#[test]
fn ten_years_is_the_longest_mandate() {
    let text = with(
        "code = \"simPensionOverview\"",
        "P365D",
        &format!("P{LONGEST_MANDATE_DAYS}D"),
    );
    assert!(Catalogue::from_toml(&text).is_ok());
}

#[test]
fn operations_are_checked_against_the_catalogue() {
    let catalogue = golden();
    let check = |basis, purpose, categories: &[&str]| {
        catalogue.check_operation(&Operation::new("op", basis, purpose, categories).unwrap())
    };
    assert_eq!(
        check(
            Basis::Mandate,
            "simPensionSimulation",
            &["simPensionRights", "simCareerSummary"]
        ),
        Ok(())
    );
    assert_eq!(
        check(Basis::Statutory, "policySupportResearch", &["career"]),
        Ok(())
    );
    assert!(matches!(
        check(Basis::Mandate, "policySupportResearch", &["career"]),
        Err(OperationError::PurposeUnknown { .. })
    ));
    assert!(matches!(
        check(
            Basis::Statutory,
            "simPensionSimulation",
            &["simPensionRights"]
        ),
        Err(OperationError::PurposeUnknown { .. })
    ));
    assert!(matches!(
        check(
            Basis::Mandate,
            "simPensionSimulation",
            &["simPensionRights", "simBenefitStatus"]
        ),
        Err(OperationError::DataCategoriesUnapproved { .. })
    ));
    let nothing: [&str; 0] = [];
    assert_eq!(
        Operation::new("op", Basis::Mandate, "purpose", nothing),
        Err(OperationError::NoDataCategory)
    );
    assert!(matches!(
        Operation::new("op", Basis::Mandate, "*", ["a"]),
        Err(OperationError::Purpose(_))
    ));
    assert!(matches!(
        Operation::new("", Basis::Mandate, "purpose", ["a"]),
        Err(OperationError::Id(_))
    ));
    assert!(matches!(
        Operation::new("op", Basis::Mandate, "purpose", ["a", "*"]),
        Err(OperationError::DataCategory { index: 1, .. })
    ));
    assert!(matches!(
        Operation::new("op", Basis::Mandate, "purpose", ["a", "a"]),
        Err(OperationError::DuplicateDataCategory { .. })
    ));
    assert!(catalogue.admits_verification_system("any", VerificationSystemKind::Cbss));
}

/// M-15.4, M-17.3: all that is known of a token is who issued it.
#[test]
fn a_system_hides_its_holders_by_its_kind_or_by_a_type_that_it_attests() {
    use VerificationSystemKind::{Cbss, SecondaryNetwork};
    // Any type may come from a secondary network; none of the project's own from this one.
    assert!(golden().hides_holders_of("sim-hiding", SecondaryNetwork));
    assert!(!golden().hides_holders_of("sim-hiding", Cbss));
    // A type with a hidden holder that it may attest, and nobody else.
    assert!(extended().hides_holders_of("sim-hiding", Cbss));
    assert!(!extended().hides_holders_of("sim-cbss", Cbss));
    assert!(extended().hides_holders_of("sim-cbss", SecondaryNetwork));
}

#[test]
fn dates_read_back_as_written() {
    assert_eq!(
        CivilDate::parse("2024-02-29").unwrap().to_string(),
        "2024-02-29"
    );
    let text = golden().to_embedded();
    assert!(
        text.contains("2024-12-18T00:00:00+01:00"),
        "the offset is kept"
    );
}
