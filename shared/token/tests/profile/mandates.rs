//! Check 19 of the token profile: `authorization_details` holds one mandate of a closed schema.

use serde_json::{Value, json};
use sluis_token::{
    AuthenticationLevel, Channel, ConsentItem, FasContext, GrantChannel, Grantor, HolderType,
    MandateStatus, TokenFor, Usage,
};

use crate::common::*;

#[test]
fn exactly_one_mandate() {
    assert!(verify_claims(&with("/authorization_details", json!([mandate()]))).is_ok());
    for (details, expected) in [
        (json!([]), "mandateNotOne"),
        (json!([mandate(), mandate()]), "mandateNotOne"),
        (
            json!([mandate(), {"type": "other"}]),
            "authorizationDetailUnknown",
        ),
        (
            json!([{"type": "other"}, mandate()]),
            "authorizationDetailUnknown",
        ),
        (json!([{"type": "Mandate"}]), "authorizationDetailUnknown"),
        (json!([{"type": "*"}]), "authorizationDetailUnknown"),
        (json!([{}]), "mandateMemberMissing"),
        (json!([{"type": 1}]), "mandateMemberWrongType"),
        (json!([{"type": ["mandate"]}]), "mandateMemberWrongType"),
        (json!(["mandate"]), "mandateMemberWrongType"),
        (json!([[mandate()]]), "mandateMemberWrongType"),
        (mandate(), "mandateMemberWrongType"),
        (json!("mandate"), "mandateMemberWrongType"),
        (
            json!(vec![json!({"type": "mandate"}); 9]),
            "mandateMemberTooLong",
        ),
    ] {
        assert_eq!(
            refusal(&with("/authorization_details", details.clone())),
            expected,
            "{details}"
        );
    }
}

const REQUIRED: [&str; 24] = [
    "/mandateId",
    "/mandateType",
    "/deliberation",
    "/status",
    "/purposes",
    "/dataCategories",
    "/validFrom",
    "/validUntil",
    "/usage",
    "/grant",
    "/grant/level",
    "/grant/grantedBy",
    "/grant/channel",
    "/grant/consentVersion",
    "/grant/consentItems",
    "/grant/acceptedAt",
    "/holder",
    "/holder/type",
    "/channel",
    "/tokenFor",
    "/circleOfTrust/version",
    "/circleOfTrust/acceptedAt",
    "/terms/version",
    "/terms/acceptedAt",
];

#[test]
fn required_members_and_their_types() {
    for pointer in REQUIRED {
        assert_eq!(
            refusal(&with_mandate(pointer, Value::Null)),
            "mandateMemberMissing",
            "{pointer}"
        );
        for wrong in [json!(true), json!(1.5)] {
            assert_eq!(
                refusal(&with_mandate(pointer, wrong.clone())),
                "mandateMemberWrongType",
                "{pointer} {wrong}"
            );
        }
        let mut null = mandate();
        *null.pointer_mut(pointer).unwrap() = Value::Null;
        assert_eq!(
            refusal(&json_with_mandate(&null)),
            "mandateMemberWrongType",
            "{pointer} null"
        );
    }
}

#[test]
fn optional_members() {
    for pointer in ["/circleOfTrust", "/terms"] {
        assert!(
            verify_claims(&with_mandate(pointer, Value::Null)).is_ok(),
            "{pointer}"
        );
        for wrong in [json!("1"), json!([]), json!(1)] {
            assert_eq!(
                refusal(&with_mandate(pointer, wrong)),
                "mandateMemberWrongType",
                "{pointer}"
            );
        }
    }
    let verified = verify_claims(&with_mandate("/terms", Value::Null)).unwrap();
    assert!(verified.mandate().terms().is_none());
    assert!(verified.mandate().circle_of_trust().is_some());
}

#[test]
fn schema_is_closed_at_every_level() {
    for pointer in [
        "/unionMembership",
        "/grant/note",
        "/holder/name",
        "/circleOfTrust/text",
        "/terms/text",
        "/Type",
    ] {
        assert_eq!(
            refusal(&with_mandate(pointer, json!("x"))),
            "mandateMemberUnknown",
            "{pointer}"
        );
    }
    let user = json!({"level": "urn:be:fedict:iam:fas:Level450", "name": "x"});
    assert_eq!(
        refusal(&with_mandate("/user", user)),
        "mandateMemberUnknown"
    );
}

#[test]
fn no_wildcards_in_codes() {
    for pointer in ["/purposes", "/dataCategories"] {
        for code in [
            "*",
            "sim*",
            "",
            "Sim",
            "sim-pension",
            "sim pension",
            "sim.pension",
            "1sim",
        ] {
            let expected = if code.is_empty() {
                "mandateMemberEmpty"
            } else {
                "mandateMemberMalformed"
            };
            assert_eq!(
                refusal(&with_mandate(pointer, json!([code]))),
                expected,
                "{pointer} {code}"
            );
        }
        assert_eq!(
            refusal(&with_mandate(pointer, json!([]))),
            "mandateMemberEmpty"
        );
        assert_eq!(
            refusal(&with_mandate(pointer, json!("simCareer"))),
            "mandateMemberWrongType"
        );
        assert_eq!(
            refusal(&with_mandate(pointer, json!(["a", 1]))),
            "mandateMemberWrongType"
        );
        assert_eq!(
            refusal(&with_mandate(pointer, json!(["simCareer", "simCareer"]))),
            "mandateMemberRepeatedValue"
        );
        let many: Vec<String> = (0..33).map(|n| format!("sim{n}")).collect();
        assert_eq!(
            refusal(&with_mandate(pointer, json!(many))),
            "mandateMemberTooLong"
        );
        assert!(verify_claims(&with_mandate(pointer, json!(many[..32]))).is_ok());
    }
    assert_eq!(
        refusal(&with_mandate("/mandateType", json!("*"))),
        "mandateMemberMalformed"
    );
}

#[test]
fn forms_of_texts() {
    for id in [
        "3A4C9B1E-7D55-4B0E-8A57-6A1F0F6B2C3D",
        "3a4c9b1e7d554b0e8a576a1f0f6b2c3d",
        "3a4c9b1e-7d55-4b0e-8a57-6a1f0f6b2c3",
        "3a4c9b1e-7d55-4b0e-8a57-6a1f0f6b2c3g",
        "x",
    ] {
        assert_eq!(
            refusal(&with_mandate("/mandateId", json!(id))),
            "mandateMemberMalformed",
            "{id}"
        );
    }
    for number in ["SIM001", "/001", "SIM/", "SIM/0x1", "SIM/001/2", "24 /222"] {
        assert_eq!(
            refusal(&with_mandate("/deliberation", json!(number))),
            "mandateMemberMalformed",
            "{number}"
        );
    }
    assert!(verify_claims(&with_mandate("/deliberation", json!("24/222"))).is_ok());
    assert_eq!(
        refusal(&with_mandate(
            "/grant/consentVersion",
            json!("v".repeat(129))
        )),
        "mandateMemberTooLong"
    );
    for wrong in [
        json!("1760000000"),
        json!(-1),
        json!(9_007_199_254_740_992_u64),
    ] {
        assert_eq!(
            refusal(&with_mandate("/validUntil", wrong)),
            "mandateMemberWrongType"
        );
    }
}

#[test]
fn enumerations() {
    for (pointer, unknown) in [
        ("/usage", "always"),
        ("/channel", "API"),
        ("/tokenFor", "anyone"),
        ("/grant/channel", "phone"),
        ("/holder/type", "person"),
    ] {
        assert_eq!(
            refusal(&with_mandate(pointer, json!(unknown))),
            "mandateMemberUnknownValue",
            "{pointer}"
        );
    }
    let mandate = |pointer, value: &str| {
        verify_claims(&with_mandate(pointer, json!(value)))
            .unwrap()
            .mandate()
            .clone()
    };
    assert_eq!(mandate("/usage", "singleUse").usage(), Usage::SingleUse);
    assert_eq!(mandate("/channel", "webApp").channel(), Channel::WebApp);
    assert_eq!(mandate("/tokenFor", "user").token_for(), TokenFor::User);
    assert_eq!(
        mandate("/grant/channel", "paperUpload").grant().channel(),
        GrantChannel::PaperUpload
    );
    for (value, expected) in [
        ("enterprise", HolderType::Enterprise),
        ("individualPractitioner", HolderType::IndividualPractitioner),
    ] {
        assert_eq!(mandate("/holder/type", value).holder().kind(), expected);
    }
    // These the policy refuses, each with its own reason (M-5.1, M-10.1).
    for status in ["draft", "ended", "Active", "active "] {
        assert_eq!(
            mandate("/status", status).status(),
            MandateStatus::NotActive
        );
    }
    for grantor in ["holder", "DataSubject", "dataSubject "] {
        assert_eq!(
            mandate("/grant/grantedBy", grantor).grant().granted_by(),
            Grantor::Other
        );
    }
}

#[test]
fn consent_items_are_a_set_of_known_ones() {
    let some = json!(["revocation", "scope"]);
    let verified = verify_claims(&with_mandate("/grant/consentItems", some)).unwrap();
    assert_eq!(
        verified.mandate().grant().consent_items(),
        [ConsentItem::Revocation, ConsentItem::Scope]
    );
    for (items, expected) in [
        (json!(["scope", "scope"]), "mandateMemberRepeatedValue"),
        (json!(["everything"]), "mandateMemberUnknownValue"),
        (json!([]), "mandateMemberEmpty"),
        (json!(["scope", null]), "mandateMemberWrongType"),
    ] {
        assert_eq!(
            refusal(&with_mandate("/grant/consentItems", items.clone())),
            expected,
            "{items}"
        );
    }
}

#[test]
fn holder_is_named_in_one_way() {
    let holder = |holder: Value| with_mandate("/holder", holder);
    let pseudonymous = holder(json!({"type": "enterprise", "pseudonym": "p-2f7a"}));
    let verified = verify_claims(&pseudonymous).unwrap();
    assert!(verified.mandate().holder().identity().is_pseudonym());
    assert!(
        verified
            .mandate()
            .holder()
            .identity()
            .enterprise_number()
            .is_none()
    );
    for (value, expected) in [
        (json!({"type": "enterprise"}), "mandateHolderIdentity"),
        (
            json!({"type": "enterprise", "pseudonym": "p", "enterpriseNumber": "0202239951"}),
            "mandateHolderIdentity",
        ),
        (
            json!({"type": "enterprise", "enterpriseNumber": "0202239952"}),
            "mandateMemberMalformed",
        ),
        (
            json!({"type": "enterprise", "enterpriseNumber": "202239951"}),
            "mandateMemberMalformed",
        ),
        (
            json!({"type": "enterprise", "enterpriseNumber": 202_239_951}),
            "mandateMemberWrongType",
        ),
        (
            json!({"type": "enterprise", "pseudonym": ""}),
            "mandateMemberEmpty",
        ),
        (
            json!({"type": "enterprise", "pseudonym": null}),
            "mandateMemberWrongType",
        ),
    ] {
        assert_eq!(refusal(&holder(value.clone())), expected, "{value}");
    }
}

#[test]
fn a_pseudonym_is_no_number_in_disguise() {
    for pseudonym in [
        "0202239951",
        "202239951",
        "0202.239.951",
        "BE0202239951",
        "BE 0202.239.951",
        "urn:be:fgov:kbo-bce:organization:cbe-number:0202239951",
        "53480200724",
        "53.48.02-007.24",
    ] {
        let holder = json!({"type": "enterprise", "pseudonym": pseudonym});
        assert_eq!(
            refusal(&with_mandate("/holder", holder)),
            "mandateMemberMalformed",
            "{pseudonym}"
        );
    }
    for pseudonym in ["0202239952", "a1", "1", "p-2f7a0202239951f", "53480200725"] {
        let holder = json!({"type": "enterprise", "pseudonym": pseudonym});
        assert!(
            verify_claims(&with_mandate("/holder", holder)).is_ok(),
            "{pseudonym}"
        );
    }
}

#[test]
fn user_of_the_web_application() {
    let user = json!({
        "level": "urn:be:fedict:iam:fas:enterprise:Level450", "role": "simAdviser", "actingFor": "holder"
    });
    let verified = verify_claims(&with_mandate("/user", user)).unwrap();
    let user = verified.mandate().user().unwrap();
    assert_eq!(
        user.level(),
        AuthenticationLevel::Fas {
            context: Some(FasContext::Enterprise),
            level: 450
        }
    );
    assert_eq!(
        (user.role(), user.acting_for()),
        (Some("simAdviser"), Some("holder"))
    );

    let level_only = json!({"level": "simLevel"});
    let verified = verify_claims(&with_mandate("/user", level_only)).unwrap();
    let user = verified.mandate().user().unwrap();
    assert_eq!(
        (user.level(), user.role()),
        (AuthenticationLevel::Unknown, None)
    );

    assert_eq!(
        refusal(&with_mandate("/user", json!({}))),
        "mandateMemberMissing"
    );
    assert_eq!(
        refusal(&with_mandate("/user", json!({"level": "x", "role": ["a"]}))),
        "mandateMemberWrongType"
    );
}
