//! Each rule: a question where it holds and one where it alone does not.

use crate::support::{Case, DAY, NOW, extended, verdict};
use serde_json::json;
use sluis_policy::{Environment, HolderIdentity, Rule, VerificationSystemKind};

trait Verdict {
    /// `allow`, or the code of the refusal.
    fn verdict(&self) -> &'static str;
}

impl Verdict for Case {
    fn verdict(&self) -> &'static str {
        verdict(&self.decide(extended()))
    }
}

/// A spoiled question, the rule that must stop it and the code of the refusal.
pub(crate) type Spoiled = (Rule, &'static str, fn() -> Case);

/// The good question over the API, spoiled.
macro_rules! api {
    ($($change:tt)*) => {
        || { let mut case = Case::api(); change!(case, $($change)*); case }
    };
}

/// The good question in the web application, spoiled.
macro_rules! web_app {
    ($($change:tt)*) => {
        || { let mut case = Case::web_app(); change!(case, $($change)*); case }
    };
}

macro_rules! change {
    ($case:ident, remove $member:literal) => { $case.remove($member) };
    ($case:ident, at $at:expr) => { $case.move_to($at) };
    ($case:ident, $($pointer:literal = $value:expr),+) => { $($case.set($pointer, $value);)+ };
    ($case:ident, |$name:ident| $change:expr) => {{ let $name = &mut $case; $change; }};
}

/// 2024-12-17T22:59:59Z and the next second: the framework changes (M-D.4).
const LAST_OF_19_004: u64 = 1_734_476_399;
/// 2024-12-19T23:00:00Z: SIM/001 begins.
const START_OF_SIM: u64 = 1_734_649_200;
/// 2025-06-30T22:00:00Z: SIM/003 ends.
const END_OF_SIM_003: u64 = 1_751_320_800;
/// 2025-12-31T23:00:00Z: SIM/902 repeals SIM/901.
const REPEAL_OF_SIM_901: u64 = 1_767_222_000;
/// 2024-03-31T22:00:00Z: the end of 17/020 (S-12.1).
const END_OF_17_020: u64 = 1_711_922_400;

fn ended(at: u64) -> Case {
    let mut case = Case::api();
    case.set("/mandateType", "simEndedOverview");
    case.set("/deliberation", "SIM/003");
    case.move_to(at);
    case
}

fn of_type(code: &str, deliberation: &str) -> Case {
    let mut case = Case::api();
    case.set("/mandateType", code);
    case.set("/deliberation", deliberation);
    case
}

fn statutory(at: u64) -> Case {
    let mut case = Case::statutory();
    case.move_to(at);
    case
}

pub(crate) const SPOILED: &[Spoiled] = &[
    (Rule::StatutoryBasisKnown, "statutoryBasisUnknown", || {
        let mut case = statutory(END_OF_17_020 - 1);
        case.purpose = "simPensionSimulation".into();
        case
    }),
    (Rule::StatutoryBasisInForce, "deliberationEnded", || {
        statutory(END_OF_17_020)
    }),
    // 2017-03-06T22:59:59Z, the second before the day of adoption.
    (
        Rule::StatutoryBasisInForce,
        "deliberationNotInForce",
        || statutory(1_488_841_199),
    ),
    (Rule::FlowSeparated, "mandateOnStatutoryOperation", || {
        statutory(END_OF_17_020 - 1)
    }),
    (
        Rule::MandateTypeKnown,
        "mandateTypeUnknown",
        api!("/mandateType" = "simSomethingElse"),
    ),
    (
        Rule::MandateTypeKnown,
        "mandateTypeUnknown",
        api!("/mandateType" = "simPensionoverview"),
    ),
    (
        Rule::EnvironmentMatches,
        "simulationOnlyInProduction",
        api!(|case| case.environment = Environment::Production),
    ),
    (Rule::MandateTypeOffered, "mandateTypeWithdrawn", || {
        of_type("simWithdrawn", "SIM/001")
    }),
    (
        Rule::FrameworkInForce,
        "frameworkNotHeld",
        api!(at LAST_OF_19_004),
    ),
    (
        Rule::FrameworkInForce,
        "frameworkNotInForce",
        api!(at 1_500_000_000),
    ),
    (
        Rule::DeliberationApprovesType,
        "deliberationUnknown",
        api!("/deliberation" = "23/001"),
    ),
    (
        Rule::DeliberationApprovesType,
        "frameworkNeverAuthorises",
        api!("/deliberation" = "24/222"),
    ),
    (
        Rule::DeliberationApprovesType,
        "frameworkNeverAuthorises",
        api!("/deliberation" = "19/004"),
    ),
    (
        Rule::DeliberationApprovesType,
        "deliberationOfStatutoryFlow",
        api!("/deliberation" = "17/020"),
    ),
    (
        Rule::DeliberationApprovesType,
        "deliberationNotForMandateType",
        api!("/deliberation" = "SIM/002"),
    ),
    (
        Rule::DeliberationInForce,
        "deliberationNotInForce",
        api!(at START_OF_SIM - 1),
    ),
    (Rule::DeliberationInForce, "deliberationEnded", || {
        ended(END_OF_SIM_003)
    }),
    (Rule::DeliberationInForce, "deliberationRepealed", || {
        of_type("simRepealed", "SIM/901")
    }),
    (Rule::DeliberationInForce, "deliberationRepealed", || {
        of_type("simRenewed", "SIM/901")
    }),
    (
        Rule::VerificationSystemAdmissible,
        "verificationSystemNotAdmissible",
        web_app!(|case| case.system.1 = VerificationSystemKind::Cbss),
    ),
    (
        Rule::VerificationSystemAdmissible,
        "verificationSystemNotAdmissible",
        || {
            let mut case = of_type("simNamedSystem", "SIM/001");
            case.system.0 = "another-cbss".into();
            case
        },
    ),
    (
        Rule::HolderTypeAdmitted,
        "holderTypeNotAdmitted",
        web_app!("/holder/type" = "enterprise"),
    ),
    (
        Rule::PurposeCovered,
        "purposeNotCovered",
        api!(|case| case.purpose = "simBenefitAdvice".into()),
    ),
    (
        Rule::PurposesApproved,
        "purposeNotApproved",
        api!("/purposes" = json!(["simPensionSimulation", "simBenefitAdvice"])),
    ),
    (
        Rule::DataCategoriesCovered,
        "dataCategoryNotCovered",
        api!(|case| case.data_categories.push("simCareerSummary".into())),
    ),
    (
        Rule::DataCategoriesApproved,
        "dataCategoryNotApproved",
        api!("/dataCategories" = json!(["simPensionRights", "simBenefitStatus"])),
    ),
    (
        Rule::MandateWindow,
        "mandateNotYetValid",
        api!("/validFrom" = NOW + 1),
    ),
    (
        Rule::MandateWindow,
        "mandateExpired",
        api!("/validUntil" = NOW),
    ),
    (
        Rule::MandateWindow,
        "mandateExpired",
        api!("/validUntil" = NOW - 2 * DAY),
    ),
    (
        Rule::MandateDuration,
        "mandateDurationExceeded",
        api!("/validUntil" = NOW - DAY + 365 * DAY + 1),
    ),
    (
        Rule::TokenWithinMandate,
        "tokenOutlivesMandate",
        api!("/validUntil" = NOW + 119),
    ),
    (
        Rule::UsageAdmitted,
        "usageNotApproved",
        api!("/usage" = "singleUse"),
    ),
    (Rule::UsageAdmitted, "usageNotApproved", || {
        of_type("simOneOff", "SIM/001")
    }),
    (
        Rule::GrantLevel,
        "grantLevelTooLow",
        api!("/grant/level" = "urn:be:fedict:iam:fas:citizen:Level399"),
    ),
    (
        Rule::GrantLevel,
        "grantNotAsCitizen",
        api!("/grant/level" = "urn:be:fedict:iam:fas:enterprise:Level500"),
    ),
    (
        Rule::GrantedByDataSubject,
        "notGrantedByDataSubject",
        api!("/grant/grantedBy" = "holder"),
    ),
    (
        Rule::ConsentItems,
        "consentItemMissing",
        api!(
            "/grant/consentItems" = json!([
                "scope",
                "holderIdentity",
                "authenticationLevel",
                "revocation"
            ])
        ),
    ),
    (
        Rule::ConsentVersion,
        "consentVersionUnknown",
        api!("/grant/consentVersion" = "2025-12"),
    ),
    (
        Rule::MandateActive,
        "mandateNotActive",
        api!("/status" = "grantedBySubject"),
    ),
    (
        Rule::HolderAccepted,
        "holderAcceptanceInFuture",
        api!("/grant/acceptedAt" = NOW + 1),
    ),
    (
        Rule::HolderIdentity,
        "holderIdentityExposed",
        web_app!("/holder" = json!({ "type": "organization", "enterpriseNumber": "0123456749" })),
    ),
    (
        Rule::HolderIdentity,
        "holderIdentityExposed",
        web_app!("/user/actingFor" = "0123456749"),
    ),
    (
        Rule::HolderIdentity,
        "holderPseudonymUnexpected",
        api!("/holder" = json!({ "type": "organization", "pseudonym": "p-7c21" })),
    ),
    (Rule::ChannelOffered, "channelNotOffered", || {
        let mut case = ended(END_OF_SIM_003 - 1);
        case.set("/channel", "webApp");
        case
    }),
    (
        Rule::ApiHolder,
        "apiNotForHolderType",
        api!("/holder/type" = "individualPractitioner"),
    ),
    (
        Rule::CircleOfTrustAccepted,
        "circleOfTrustNotAccepted",
        api!(remove "circleOfTrust"),
    ),
    (
        Rule::CircleOfTrustAccepted,
        "circleOfTrustOutdated",
        api!("/circleOfTrust/version" = "0"),
    ),
    (
        Rule::CircleOfTrustAccepted,
        "circleOfTrustAcceptedTooLate",
        api!("/circleOfTrust/acceptedAt" = NOW),
    ),
    (Rule::UserPresent, "userMissing", web_app!(remove "user")),
    (
        Rule::UserPresent,
        "userMissing",
        web_app!("/tokenFor" = "application"),
    ),
    (
        Rule::UserLevel,
        "userLevelTooLow",
        web_app!("/user/level" = "urn:be:fedict:iam:fas:Level400"),
    ),
    (
        Rule::UserLevel,
        "userLevelTooLow",
        web_app!("/user/level" = "urn:be:fedict:iam:fas:enterprise:eid"),
    ),
    (
        Rule::UserRole,
        "userRoleMissing",
        web_app!(
            "/user" = json!({ "level": "urn:be:fedict:iam:fas:Level450", "actingFor": "p-7c21" })
        ),
    ),
    (
        Rule::UserRole,
        "userNotActingForHolder",
        web_app!("/user/actingFor" = "p-other"),
    ),
    (
        Rule::TermsAccepted,
        "termsNotAccepted",
        api!(remove "terms"),
    ),
    (
        Rule::TermsAccepted,
        "termsNotAccepted",
        web_app!(remove "terms"),
    ),
    (
        Rule::TermsAccepted,
        "termsOutdated",
        api!("/terms/version" = "2"),
    ),
    (
        Rule::TermsAccepted,
        "termsAcceptedTooLate",
        web_app!("/terms/acceptedAt" = NOW),
    ),
];

#[test]
fn every_rule_has_a_refusal_of_its_own() {
    for (rule, code, make) in SPOILED {
        let case = make();
        let decision = case.decide(extended());
        assert_eq!(verdict(&decision), *code, "{rule}: {case:?}");
        let reason = decision.deny_reason().unwrap();
        assert_eq!(reason.rule(), *rule, "{code}");
        assert_eq!(reason.requirement(), rule.requirement());
        let (last, before) = decision.rules().split_last().unwrap();
        assert_eq!(last.rule(), *rule, "{code}");
        assert!(!last.held(), "{code}");
        assert!(before.iter().all(|applied| applied.held()), "{code}");
    }
    for rule in Rule::ALL {
        assert!(
            SPOILED.iter().any(|(spoiled, ..)| spoiled == rule),
            "{rule} has no refusal"
        );
    }
}

#[test]
fn every_rule_holds_for_a_good_question() {
    let mut held = Vec::new();
    for case in [Case::api(), Case::web_app()] {
        let decision = case.decide(extended());
        assert_eq!(verdict(&decision), "allow");
        assert!(decision.rules().iter().all(|applied| applied.held()));
        held.extend(decision.rules().iter().map(|applied| applied.rule()));
    }
    let statutory = statutory(END_OF_17_020 - 1).decide(extended());
    held.extend(
        statutory
            .rules()
            .iter()
            .filter(|applied| applied.held())
            .map(|applied| applied.rule()),
    );
    for rule in Rule::ALL {
        assert!(held.contains(rule), "{rule} never holds");
    }
}

#[test]
fn rules_are_applied_in_their_order() {
    for (_, code, make) in SPOILED {
        let decision = make().decide(extended());
        let order: Vec<_> = decision
            .rules()
            .iter()
            .map(|applied| applied.rule())
            .collect();
        assert!(order.is_sorted(), "{code}: {order:?}");
    }
    let rules: Vec<_> = Case::api()
        .decide(extended())
        .rules()
        .iter()
        .map(|rule| rule.check())
        .collect();
    assert_eq!(
        rules,
        [
            "flowSeparated",
            "mandateTypeKnown",
            "environmentMatches",
            "mandateTypeOffered",
            "frameworkInForce",
            "deliberationApprovesType",
            "deliberationInForce",
            "verificationSystemAdmissible",
            "holderTypeAdmitted",
            "purposeCovered",
            "purposesApproved",
            "dataCategoriesCovered",
            "dataCategoriesApproved",
            "mandateWindow",
            "mandateDuration",
            "tokenWithinMandate",
            "usageAdmitted",
            "grantLevel",
            "grantedByDataSubject",
            "consentItems",
            "consentVersion",
            "mandateActive",
            "holderAccepted",
            "holderIdentity",
            "channelOffered",
            "apiHolder",
            "circleOfTrustAccepted",
            "termsAccepted",
        ]
    );
}

#[test]
fn an_allowance_says_what_it_is_for() {
    let decision = Case::api().decide(extended());
    assert_eq!(decision.deliberation().unwrap().to_string(), "SIM/001@1");
    assert_eq!(decision.framework().unwrap().to_string(), "24/222@1");
    assert_eq!(
        decision.framework().unwrap().adopted_on().to_string(),
        "2024-12-03"
    );
    assert_eq!(decision.catalogue_digest(), extended().digest());
    assert_eq!(decision.at().as_seconds(), NOW);
    assert_eq!(decision.holder_identity(), HolderIdentity::Plain);
    let allowance = decision.allowance().unwrap();
    assert_eq!(allowance.mandate_type().code(), "simPensionOverview");
    assert_eq!(allowance.retention().to_string(), "P30D");
    assert_eq!(allowance.deliberation(), decision.deliberation().unwrap());
    assert_eq!(allowance.framework(), decision.framework().unwrap());
}

/// Requirements §3.5, bounds of windows.
#[test]
fn boundaries_of_the_mandate() {
    let allowed: &[fn() -> Case] = &[
        api!("/validUntil" = NOW - DAY + 365 * DAY),
        api!("/validUntil" = NOW + 120),
        api!("/validFrom" = NOW),
        api!("/grant/acceptedAt" = NOW),
        api!("/circleOfTrust/acceptedAt" = NOW - 1),
        api!("/terms/acceptedAt" = NOW - 1),
        web_app!("/validUntil" = NOW - DAY + 30 * DAY),
    ];
    for make in allowed {
        assert_eq!(make().verdict(), "allow", "{:?}", make());
    }
    let mut over = Case::web_app();
    over.set("/validUntil", NOW - DAY + 30 * DAY + 1);
    assert_eq!(over.verdict(), "mandateDurationExceeded");
    // The token's own time was checked with skew; a mandate's end knows none.
    let mut last_second = Case::api();
    last_second.set("/validUntil", NOW + 1);
    last_second.expires_in = 1;
    assert_eq!(last_second.verdict(), "allow");
}

/// Requirements §3.5, levels of the Federal Authentication Service.
#[test]
fn boundaries_of_the_grant_level() {
    for (level, expected) in [
        ("urn:be:fedict:iam:fas:Level350", "grantLevelTooLow"),
        ("urn:be:fedict:iam:fas:citizen:Level400", "allow"),
        ("urn:be:fedict:iam:fas:Level400", "allow"),
        ("urn:be:fedict:iam:fas:citizen:Level450", "allow"),
        ("urn:be:fedict:iam:fas:Level500", "allow"),
        ("urn:be:fedict:iam:fas:citizen:eid", "grantLevelTooLow"),
        ("urn:be:fedict:iam:fas:Level4", "grantLevelTooLow"),
        ("urn:be:fedict:iam:fas:Level0400", "grantLevelTooLow"),
        ("urn:be:fedict:iam:fas:Level400x", "grantLevelTooLow"),
    ] {
        let mut case = Case::api();
        case.set("/grant/level", level);
        assert_eq!(case.verdict(), expected, "{level}");
    }
}

#[test]
fn boundaries_of_deliberations() {
    let at = |at: u64| {
        let mut case = Case::api();
        case.move_to(at);
        case.verdict()
    };
    assert_eq!(at(LAST_OF_19_004), "frameworkNotHeld");
    assert_eq!(
        at(LAST_OF_19_004 + 1),
        "deliberationNotInForce",
        "the framework is in force, SIM/001 not yet"
    );
    assert_eq!(at(START_OF_SIM - 1), "deliberationNotInForce");
    assert_eq!(at(START_OF_SIM), "allow");
    assert_eq!(ended(END_OF_SIM_003 - 1).verdict(), "allow");
    assert_eq!(ended(END_OF_SIM_003).verdict(), "deliberationEnded");
    let repealed = |at: u64| {
        let mut case = of_type("simRepealed", "SIM/901");
        case.move_to(at);
        case.verdict()
    };
    assert_eq!(repealed(REPEAL_OF_SIM_901 - 1), "allow");
    assert_eq!(repealed(REPEAL_OF_SIM_901), "deliberationRepealed");
    assert_eq!(of_type("simRenewed", "SIM/902").verdict(), "allow");
    assert_eq!(of_type("simNamedSystem", "SIM/001").verdict(), "allow");
    let mut withdrawn = of_type("simWithdrawn", "SIM/001");
    withdrawn.move_to(REPEAL_OF_SIM_901 - 1);
    assert_eq!(withdrawn.verdict(), "allow");
    let mut withdrawn = of_type("simWithdrawn", "SIM/001");
    withdrawn.move_to(REPEAL_OF_SIM_901);
    assert_eq!(withdrawn.verdict(), "mandateTypeWithdrawn");
}

/// S-12.1: the version that applied is named as long as there is one, though a mandate never gets through.
#[test]
fn a_statutory_refusal_names_the_version() {
    let before = statutory(END_OF_17_020 - 1).decide(extended());
    assert_eq!(verdict(&before), "mandateOnStatutoryOperation");
    assert_eq!(before.deliberation().unwrap().to_string(), "17/020@6");
    assert_eq!(
        before.deliberation().unwrap().adopted_on().to_string(),
        "2023-12-05"
    );
    let after = statutory(END_OF_17_020).decide(extended());
    assert_eq!(verdict(&after), "deliberationEnded");
    assert_eq!(after.deliberation(), None);
    // 2023-03-06T23:00:00Z: the fifth version.
    assert_eq!(
        statutory(1_678_143_600)
            .decide(extended())
            .deliberation()
            .unwrap()
            .version(),
        5
    );
    assert_eq!(
        statutory(1_678_143_599)
            .decide(extended())
            .deliberation()
            .unwrap()
            .version(),
        4
    );
}

/// M-15.4: the alarm does not depend on which rule happened to refuse first.
#[test]
fn an_exposed_holder_raises_an_alarm_whatever_refused() {
    let named = json!({ "type": "organization", "enterpriseNumber": "0123456749" });
    let exposed: &[fn(&mut Case)] = &[
        |_| {},
        |case| case.set("/mandateType", "simUnknown"),
        |case| case.set("/validUntil", NOW),
        |case| case.basis = sluis_policy::Basis::Statutory,
        |case| case.environment = Environment::Production,
    ];
    for spoil in exposed {
        let mut case = Case::web_app();
        case.set("/holder", named.clone());
        spoil(&mut case);
        let decision = case.decide(extended());
        assert!(decision.alarm(), "{}", verdict(&decision));
        assert_eq!(decision.holder_identity(), HolderIdentity::Pseudonymised);
        let recorded = format!("{decision:?} {}", decision.deny_reason().unwrap());
        assert!(
            !recorded.contains("0123456749"),
            "the record repeats the holder"
        );
    }
    // Also from the Crossroads Bank, for a type that it may not attest.
    let mut at_cbss = Case::web_app();
    at_cbss.set("/holder", named);
    at_cbss.system.1 = VerificationSystemKind::Cbss;
    assert!(at_cbss.decide(extended()).alarm());
    for quiet in [Case::api(), Case::web_app(), statutory(NOW)] {
        assert!(!quiet.decide(extended()).alarm());
    }
    // An unknown type of the Crossroads Bank: nothing says that the holder had to be hidden, so no alarm; but until
    // that is known the holder is not shown either.
    let mut unknown = Case::api();
    unknown.set("/mandateType", "simUnknown");
    let decision = unknown.decide(extended());
    assert!(!decision.alarm());
    assert_eq!(decision.holder_identity(), HolderIdentity::Pseudonymised);
}

/// M-23.2: over the API the holder's users are its own affair.
#[test]
fn no_user_is_asked_for_over_the_api() {
    let mut case = Case::api();
    case.set("/tokenFor", "user");
    assert_eq!(case.verdict(), "allow");
}

/// M-24.1: the web application needs no Circle of Trust.
#[test]
fn no_circle_of_trust_is_asked_for_in_the_web_application() {
    let mut practitioner = Case::api();
    practitioner.set("/holder/type", "individualPractitioner");
    practitioner.set("/channel", "webApp");
    practitioner.set("/tokenFor", "user");
    practitioner.set(
        "/user",
        json!({ "level": "urn:be:fedict:iam:fas:citizen:Level400", "role": "broker", "actingFor": "0202239951" }),
    );
    practitioner.remove("circleOfTrust");
    assert_eq!(practitioner.verdict(), "allow");
}

#[test]
fn each_missing_consent_item_is_noticed() {
    let all = [
        "scope",
        "holderIdentity",
        "authenticationLevel",
        "revocation",
        "registration",
    ];
    for missing in all {
        let told: Vec<_> = all.iter().filter(|item| **item != missing).collect();
        let mut case = Case::api();
        case.set("/grant/consentItems", json!(told));
        let decision = case.decide(extended());
        let reason = decision.deny_reason().unwrap().to_string();
        assert_eq!(reason, format!("the consent lacks the item {missing}"));
    }
}
