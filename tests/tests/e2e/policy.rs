//! Good tokens whose mandate does not allow the request (token profile §17, §26–32).

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluis_tests::client::Request;
use sluis_tests::issuer::{ENTERPRISE_NUMBER, HOLDER_PSEUDONYM, OTHER_SSIN, SSIN, now, set};
use sluis_tests::wire::Body;
use sluis_tests::world::World;
use sluis_token::Algorithm;

use crate::Case;
use crate::passing::expect_asserted;
use crate::problems::{MISSING_PERMISSION, expect, expect_kind};
use crate::requests::{expect_unseen, rights, rights_by_body};

pub(crate) const CASES: &[Case] = &[
    Case::new(
        "a_mandate_that_does_not_cover_the_request_is_refused_and_recorded",
        refused,
    ),
    Case::new("a_revoked_mandate_type_is_refused", revoked),
    Case::new("a_mandate_never_opens_a_statutory_operation", statutory),
    Case::new("a_request_about_another_person_is_refused", another_person),
    Case::new("a_request_without_a_readable_person_is_refused", no_person),
    Case::new(
        "a_pseudonymised_holder_passes_and_stays_unnamed",
        pseudonymised,
    ),
    Case::new(
        "a_named_holder_from_a_secondary_network_is_refused_neutrally",
        exposed_holder,
    ),
];

/// The second holder: who must not be named.
pub(crate) const NIC_ENTERPRISE_NUMBER: &str = "0123456749";

const DETAIL: &str = "/authorization_details/0";

/// Where the change is made, to what, and the reason code that is recorded.
type Change = (&'static str, Value, &'static str);

/// Sends the pension operation with each change and expects 403, one record each and nothing at the backend.
fn expect_denied(world: &World, changes: Vec<Change>) -> Result<()> {
    for (member, value, reason) in changes {
        let mut claims = world.pension_claims()?;
        set(&mut claims, &format!("{DETAIL}/{member}"), value.clone());
        let token = world.token(Algorithm::EdDsa, &claims)?;
        let index = world.log_size()?;
        let response = world.send(&rights().bearer(&token))?;
        let name = format!("{member} = {value}");
        expect_kind(&response, 403).with_context(|| name.clone())?;
        let decision = world
            .decision_of(index, &response)
            .with_context(|| name.clone())?;
        ensure!(decision.kind == "refused", "{name}: {}", decision.kind);
        ensure!(
            decision.data("reason") == reason,
            "{name}: {} instead of {reason}",
            decision.data("reason")
        );
        ensure!(
            decision.data("httpStatus") == 403,
            "{name}: {}",
            decision.data("httpStatus")
        );
    }
    expect_unseen(world)
}

fn refused(world: &mut World) -> Result<()> {
    let level_300 = json!("urn:be:fedict:iam:fas:citizen:Level300");
    let items = json!([
        "scope",
        "holderIdentity",
        "authenticationLevel",
        "revocation"
    ]);
    let outdated = json!({ "version": "0", "acceptedAt": now() - 100 });
    let late = json!({ "version": "1", "acceptedAt": now() + 3_600 });
    expect_denied(
        world,
        vec![
            ("purposes", json!(["simBenefitAdvice"]), "purposeNotCovered"),
            (
                "purposes",
                json!(["simPensionSimulation", "simOther"]),
                "purposeNotApproved",
            ),
            (
                "dataCategories",
                json!(["simOther"]),
                "dataCategoryNotCovered",
            ),
            ("mandateType", json!("simUnknown"), "mandateTypeUnknown"),
            ("deliberation", json!("24/222"), "frameworkNeverAuthorises"),
            (
                "deliberation",
                json!("SIM/002"),
                "deliberationNotForMandateType",
            ),
            ("deliberation", json!("99/999"), "deliberationUnknown"),
            ("validUntil", json!(now() - 10), "mandateExpired"),
            ("validFrom", json!(now() + 300), "mandateNotYetValid"),
            ("validUntil", json!(now() + 20), "tokenOutlivesMandate"),
            ("status", json!("ended"), "mandateNotActive"),
            ("grant/level", level_300, "grantLevelTooLow"),
            (
                "grant/grantedBy",
                json!("holder"),
                "notGrantedByDataSubject",
            ),
            ("grant/consentItems", items, "consentItemMissing"),
            ("circleOfTrust", outdated.clone(), "circleOfTrustOutdated"),
            ("circleOfTrust", late, "circleOfTrustAcceptedTooLate"),
            ("terms", outdated, "termsOutdated"),
            (
                "holder",
                json!({"type": "organization", "pseudonym": HOLDER_PSEUDONYM}),
                "holderPseudonymUnexpected",
            ),
        ],
    )
}

fn revoked(world: &mut World) -> Result<()> {
    expect_denied(
        world,
        vec![
            (
                "deliberation",
                json!("17/020"),
                "deliberationOfStatutoryFlow",
            ),
            ("deliberation", json!("19/004"), "frameworkNeverAuthorises"),
        ],
    )?;
    // A type whose own deliberation has ended, in a token that is good otherwise.
    let mut claims = world.pension_claims()?;
    set(
        &mut claims,
        &format!("{DETAIL}/mandateType"),
        json!("simEndedOverview"),
    );
    set(
        &mut claims,
        &format!("{DETAIL}/deliberation"),
        json!("SIM/003"),
    );
    let token = world.token(Algorithm::EdDsa, &claims)?;
    let index = world.log_size()?;
    let response = world.send(&rights().bearer(&token))?;
    expect(&response, MISSING_PERMISSION)?;
    let decision = world.decision_of(index, &response)?;
    ensure!(
        decision.data("reason") == "deliberationEnded",
        "{}",
        decision.data("reason")
    );
    expect_unseen(world)
}

fn statutory(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let request = Request::post_json("/research/v1/sample/query", "{}").bearer(&token);
    let index = world.log_size()?;
    let response = world.send(&request)?;
    expect_kind(&response, 403)?;
    ensure!(
        world.decision_of(index, &response)?.kind == "refused",
        "not recorded as refused"
    );
    expect_unseen(world)
}

fn another_person(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let by_path = Request::get(&format!("/pension/v1/persons/{OTHER_SSIN}/rights"));
    let by_body = rights_by_body(&format!(r#"{{"ssin":"{OTHER_SSIN}"}}"#));
    for request in [by_path, by_body] {
        let index = world.log_size()?;
        let response = world.send(&request.bearer(&token))?;
        expect(&response, MISSING_PERMISSION)?;
        let decision = world.decision_of(index, &response)?;
        ensure!(
            decision.data("reason") == "subjectMismatch",
            "{:?}",
            decision.data("reason")
        );
    }
    expect_unseen(world)
}

fn no_person(world: &mut World) -> Result<()> {
    let token = world.pension_token()?;
    let large = format!(r#"{{"ssin":"{SSIN}","x":"{}"}}"#, "x".repeat(70_000));
    let twice = format!(r#"{{"ssin":"{OTHER_SSIN}","ssin":"{SSIN}"}}"#);
    let escaped = format!(r#"{{"s\u0073in":"{OTHER_SSIN}","ssin":"{SSIN}"}}"#);
    let text = Request::new("POST", "/pension/v1/rights/get")
        .with("content-type", "text/plain")
        .body(Body::text(&format!(r#"{{"ssin":"{SSIN}"}}"#)));
    for (name, status, request) in [
        (
            "a wrong check number",
            400,
            Request::get("/pension/v1/persons/53480200725/rights"),
        ),
        (
            "letters",
            400,
            Request::get("/pension/v1/persons/5348020072x/rights"),
        ),
        (
            "no body",
            400,
            Request::new("POST", "/pension/v1/rights/get"),
        ),
        ("no member", 400, rights_by_body("{}")),
        (
            "a number",
            400,
            rights_by_body(&format!(r#"{{"ssin":{SSIN}}}"#)),
        ),
        ("a list", 400, rights_by_body("[]")),
        ("half a document", 400, rights_by_body(r#"{"ssin":"#)),
        ("a member twice", 400, rights_by_body(&twice)),
        (
            "a member twice in two spellings",
            400,
            rights_by_body(&escaped),
        ),
        ("another type of body", 400, text),
        ("a large body", 413, rights_by_body(&large)),
        ("a deep body", 400, rights_by_body(&"[".repeat(50_000))),
    ] {
        let response = world.send(&request.bearer(&token))?;
        expect_kind(&response, status).context(name)?;
        let text = response.text();
        ensure!(
            !text.contains("5348020072"),
            "{name}: the value is echoed: {text}"
        );
    }
    expect_unseen(world)
}

/// The operation of the secondary network.
pub(crate) fn benefits() -> Request {
    Request::post_json(
        "/mutuality/v1/benefits/get",
        &format!(r#"{{"ssin":"{SSIN}"}}"#),
    )
}

fn pseudonymised(world: &mut World) -> Result<()> {
    let token = world.token(Algorithm::EdDsa, &world.mutuality_claims()?)?;
    let index = world.log_size()?;
    // The holder's own software names itself everywhere; none of it may arrive.
    let mut request = benefits().bearer(&token);
    for name in [
        "x-client-name",
        "x-holder",
        "from",
        "user-agent",
        "origin",
        "referer",
        "prefer",
        "via",
        "x-forwarded-for",
        "client-cert",
        "cookie",
        "x-organization",
        "cbe-number",
        "sluis-assertion",
    ] {
        request = request.with(
            name,
            &format!("urn:be:fgov:kbo-bce:organization:cbe-number:{NIC_ENTERPRISE_NUMBER}"),
        );
    }
    let response = world.send(&request)?;
    response.expect_status(200)?;
    let seen = world.take_one_seen()?;
    for (name, value) in seen.headers.iter() {
        ensure!(!value.contains(NIC_ENTERPRISE_NUMBER), "{name}: {value}");
    }
    ensure!(
        seen.body.text() == format!(r#"{{"ssin":"{SSIN}"}}"#),
        "{}",
        seen.body.text()
    );
    let assertion = expect_asserted(world, &seen)?;
    ensure!(
        assertion["holder"] == json!({"pseudonym": HOLDER_PSEUDONYM}),
        "{}",
        assertion["holder"]
    );
    let decision = world.decision_of(index, &response)?;
    let text = decision.payload.to_string();
    ensure!(decision.kind == "granted", "{text}");
    ensure!(
        !text.contains(HOLDER_PSEUDONYM),
        "the log names the holder: {text}"
    );
    // A plain holder's configured header does pass.
    let plain = rights()
        .bearer(&world.pension_token()?)
        .with("prefer", "return=minimal");
    ensure!(world.send(&plain)?.status == 200, "a plain holder");
    let seen = world.take_seen();
    let prefer = seen.first().and_then(|seen| seen.headers.get("prefer"));
    ensure!(prefer == Some("return=minimal"), "prefer: {prefer:?}");
    let assertion = expect_asserted(world, seen.first().context("not seen")?)?;
    ensure!(
        assertion["holder"] == json!({"enterpriseNumber": ENTERPRISE_NUMBER}),
        "{}",
        assertion["holder"]
    );
    Ok(())
}

fn exposed_holder(world: &mut World) -> Result<()> {
    let mut claims = world.mutuality_claims()?;
    let holder = json!({"type": "organization", "enterpriseNumber": NIC_ENTERPRISE_NUMBER});
    set(&mut claims, &format!("{DETAIL}/holder"), holder);
    let token = world.token(Algorithm::EdDsa, &claims)?;
    let index = world.log_size()?;
    let response = world.send(&benefits().bearer(&token))?;
    expect(&response, MISSING_PERMISSION)?;
    let decision = world.decision_of(index, &response)?;
    ensure!(
        decision.data("reason") == "holderIdentityExposed",
        "{}",
        decision.data("reason")
    );
    let text = decision.payload.to_string();
    ensure!(
        !text.contains(NIC_ENTERPRISE_NUMBER),
        "the log names the holder: {text}"
    );
    expect_unseen(world)
}
