//! Rules in shadow: each failure is recorded and goes no further; what must be enforced cannot be put there.

use sluis_policy::{Rule, ShadowRules, ShadowRulesError};

use crate::rules::SPOILED;
use crate::support::{Case, extended, verdict};

fn only(rule: Rule) -> ShadowRules {
    ShadowRules::parse([rule.check()]).unwrap()
}

fn all() -> ShadowRules {
    let rules = Rule::ALL.iter().filter(|rule| rule.may_be_shadowed());
    ShadowRules::parse(rules.map(|rule| rule.check())).unwrap()
}

#[test]
fn a_rule_in_shadow_is_recorded_and_the_others_decide() {
    let mut seen = 0;
    for (rule, code, spoiled) in SPOILED {
        let case = spoiled();
        assert_eq!(verdict(&case.decide(extended())), *code);
        if !rule.may_be_shadowed() {
            continue;
        }
        seen += 1;
        let decision = case.decide_in_shadow(extended(), only(*rule));
        let watched: Vec<Rule> = decision
            .rules()
            .iter()
            .filter(|applied| applied.failed_in_shadow())
            .map(|applied| applied.rule())
            .collect();
        assert_eq!(watched, [*rule], "{code}");
        assert!(decision.has_shadowed_failure());
        assert!(
            decision
                .rules()
                .iter()
                .all(|r| !(r.held() && r.failed_in_shadow()))
        );
        // Whatever else is wrong is found by the rule after it.
        let later = decision.deny_reason().map(sluis_policy::DenyReason::code);
        assert_ne!(later, Some(*code));
        let failed = decision
            .rules()
            .iter()
            .filter(|r| !r.held() && !r.failed_in_shadow());
        assert_eq!(failed.count(), usize::from(later.is_some()), "{code}");
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn a_rule_in_shadow_changes_nothing_for_another() {
    for (rule, code, spoiled) in SPOILED {
        let others = Rule::ALL
            .iter()
            .filter(|other| *other != rule && other.may_be_shadowed());
        let others = ShadowRules::parse(others.map(|other| other.check())).unwrap();
        let decision = spoiled().decide_in_shadow(extended(), others);
        assert_eq!(verdict(&decision), *code, "{rule}");
        let last = decision.rules().last().unwrap();
        assert_eq!(
            (last.rule(), last.held(), last.failed_in_shadow()),
            (*rule, false, false)
        );
    }
}

#[test]
fn a_good_question_is_decided_alike() {
    for case in [Case::api(), Case::web_app()] {
        let decision = case.decide_in_shadow(extended(), all());
        assert_eq!(verdict(&decision), "allow");
        assert!(!decision.has_shadowed_failure());
        assert_eq!(decision.rules(), case.decide(extended()).rules());
    }
}

/// Named one by one: a rule that leaves this list is one more that a configuration can switch off.
const ALWAYS_ENFORCED: [Rule; 15] = [
    Rule::StatutoryBasisKnown,
    Rule::StatutoryBasisInForce,
    Rule::FlowSeparated,
    Rule::MandateTypeKnown,
    Rule::EnvironmentMatches,
    Rule::FrameworkInForce,
    Rule::DeliberationApprovesType,
    Rule::DeliberationInForce,
    Rule::VerificationSystemAdmissible,
    Rule::MandateWindow,
    Rule::TokenWithinMandate,
    Rule::UsageAdmitted,
    Rule::HolderIdentity,
    Rule::ChannelOffered,
    Rule::UserPresent,
];

#[test]
fn the_rules_that_are_always_enforced_are_these() {
    let enforced: Vec<Rule> = Rule::ALL
        .iter()
        .copied()
        .filter(|rule| !rule.may_be_shadowed())
        .collect();
    assert_eq!(enforced, ALWAYS_ENFORCED);
}

#[test]
fn what_must_be_enforced_cannot_be_put_in_shadow() {
    for rule in Rule::ALL {
        let parsed = ShadowRules::parse([rule.check()]);
        if rule.may_be_shadowed() {
            assert!(parsed.unwrap().contains(*rule));
        } else {
            let error = ShadowRulesError::AlwaysEnforced { rule: *rule };
            assert_eq!(parsed, Err(error.clone()));
            assert!(error.to_string().contains(rule.check()));
        }
    }
    assert_eq!(
        ShadowRules::parse(["termsaccepted"]),
        Err(ShadowRulesError::Unknown {
            id: "termsaccepted".to_owned()
        })
    );
    assert_eq!(
        ShadowRules::parse(["termsAccepted", "termsAccepted"]),
        Err(ShadowRulesError::Twice {
            rule: Rule::TermsAccepted
        })
    );
    assert!(ShadowRules::parse([]).unwrap().is_empty());
}
