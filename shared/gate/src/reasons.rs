//! The table of reasons says what the gate does: each code, given a stop that has
//! it, gets the status, problem type and `reason` of its row, and the entry in the
//! log. `sluis-reasons` shows that the table has every code there is; here every
//! row has its stop.

use std::collections::BTreeMap;

use serde_json::Value;
use sluis_minimise::{MAX_DEPTH, MAX_MEMBERS, MinimiseError};
use sluis_policy::{
    Basis, ConsentItem, DenyReason, HolderType, Level, Usage, VerificationSystemKind,
};
use sluis_reasons::{Language, LogEntry, Table};
use sluis_token::ed25519::Ed25519Error;
use sluis_token::{
    Algorithm, AuthenticityError, AuthorizationScheme, Base64UrlError, BearerError, BindingError,
    ClaimsError, CompactError, DpopError, Fault as MemberFault, FieldError, HeaderError, JsonError,
    JwkError, MAX_DPOP_PROOF_BYTES, MAX_JSON_DEPTH, MAX_JSON_MEMBERS, MAX_TOKEN_BYTES,
    MandateError, ParseError, Part, UnixTime, VerifyError,
};

use crate::count::leaves_no_entry;
use crate::error::{AuditorRefusal, Fault, Refusal, StatusError, Stop, SubjectError};
use crate::minimise::ResponseError;
use crate::platform::{LogError, UpstreamError};
use crate::problem::{self, Candour};
use crate::replay::ReplayError;
use crate::route::RouteError;
use crate::serve::{Reply, ReplyBody};
use crate::subject::MAX_BODY_WAIT_MS;

const CHECKED: Algorithm = Algorithm::Es256;

fn at() -> UnixTime {
    UnixTime::from_seconds(0).unwrap()
}

fn x() -> Box<str> {
    "x".into()
}

/// A stop of every code that there is, as the gate makes it.
fn stops() -> Vec<Stop> {
    let mut stops: Vec<Stop> = [
        requests().into_iter().map(Stop::from).collect::<Vec<_>>(),
        tokens().into_iter().map(Stop::from).collect(),
        claims().into_iter().map(Stop::from).collect(),
        senders().into_iter().map(Stop::from).collect(),
    ]
    .into_iter()
    .flatten()
    .collect();
    stops.extend(
        denials()
            .into_iter()
            .map(|reason| Stop::from(Refusal::Denied(reason))),
    );
    stops.extend(faults().into_iter().map(Stop::from));
    stops
}

fn requests() -> Vec<Refusal> {
    let place = || ("path", "ssin".to_owned());
    let (location, name) = place();
    vec![
        Refusal::Route(RouteError::MalformedTarget),
        Refusal::Route(RouteError::NotFound),
        Refusal::Route(RouteError::MethodNotAllowed {
            allow: "GET".to_owned(),
        }),
        Refusal::Route(RouteError::UnknownQueryParameter),
        Refusal::Bearer(BearerError::Missing),
        Refusal::Bearer(BearerError::Ambiguous),
        Refusal::Bearer(BearerError::InQuery),
        Refusal::Bearer(BearerError::InForm),
        Refusal::Bearer(BearerError::UnsupportedScheme),
        Refusal::Bearer(BearerError::TooLarge { bytes: 2, limit: 1 }),
        Refusal::Bearer(BearerError::NotToken68),
        Refusal::Ambiguous,
        Refusal::Subject(SubjectError::Mismatch),
        Refusal::Subject(SubjectError::Malformed { location, name }),
        Refusal::Subject(SubjectError::Absent {
            location: place().0,
            name: place().1,
        }),
        Refusal::Subject(SubjectError::NotJson),
        Refusal::Subject(SubjectError::BodyTooSlow),
        Refusal::Subject(SubjectError::BodyTooLarge { limit: 1 }),
        Refusal::Auditor(AuditorRefusal::Unknown),
        Refusal::Auditor(AuditorRefusal::Expired),
        Refusal::Auditor(AuditorRefusal::NoPurpose),
        Refusal::Operator,
        Refusal::Order,
    ]
}

fn tokens() -> Vec<Refusal> {
    let part = Part::Header;
    let json = |error| Refusal::Parse(CompactError::Json { part, error }.into());
    let header = |error: HeaderError| Refusal::Parse(error.into());
    let authentic = |error| Refusal::Verify(VerifyError::NotAuthentic(error));
    vec![
        Refusal::Parse(CompactError::NotThreeParts.into()),
        Refusal::Parse(
            CompactError::Encoding {
                part,
                error: Base64UrlError::Alphabet,
            }
            .into(),
        ),
        json(JsonError::NotUtf8 { valid_up_to: 0 }),
        json(JsonError::ByteOrderMark),
        json(JsonError::Syntax { line: 1, column: 1 }),
        json(JsonError::DuplicateMember),
        json(JsonError::TooDeep { limit: 1 }),
        json(JsonError::TooManyMembers { limit: 1 }),
        json(JsonError::NotAnObject),
        header(HeaderError::ForbiddenParameter { parameter: "jku" }),
        header(HeaderError::Parameter(member(MemberFault::Missing))),
        header(HeaderError::WrongType { expected: "at+jwt" }),
        header(HeaderError::UnsupportedAlgorithm),
        Refusal::Parse(ParseError::Issuer(member(MemberFault::Missing))),
        Refusal::UnknownIssuer,
        Refusal::Verify(VerifyError::UnknownKey { keys: 1 }),
        authentic(AuthenticityError::IssuerMismatch),
        authentic(AuthenticityError::AlgorithmNotAllowed { algorithm: CHECKED }),
        authentic(AuthenticityError::AlgorithmMismatch {
            algorithm: CHECKED,
            pinned: Algorithm::EdDsa,
        }),
        authentic(AuthenticityError::SignatureLength {
            actual: 1,
            expected: 64,
        }),
        authentic(AuthenticityError::Ed25519(Ed25519Error::SmallOrderPoint)),
        authentic(AuthenticityError::SignatureMismatch),
        authentic(AuthenticityError::KeyReplaced),
    ]
}

fn member(fault: MemberFault) -> FieldError {
    FieldError {
        member: "member",
        fault,
    }
}

/// Each thing that can be wrong with a member.
fn members() -> [FieldError; 8] {
    [
        MemberFault::Missing,
        MemberFault::WrongType,
        MemberFault::Empty,
        MemberFault::TooLong { limit: 1 },
        MemberFault::Malformed,
        MemberFault::UnknownValue,
        MemberFault::Repeated,
        MemberFault::UnknownMember,
    ]
    .map(member)
}

fn claims() -> Vec<Refusal> {
    let (at, now) = (at(), at());
    let mandate = ClaimsError::AuthorizationDetails;
    let mut claims: Vec<ClaimsError> = members().map(ClaimsError::Claim).into();
    claims.extend(members().map(|error| mandate(MandateError::Member(error))));
    claims.extend([
        ClaimsError::Expired { at, now },
        ClaimsError::NotYetValid { at, now },
        ClaimsError::IssuedInFuture { at, now },
        ClaimsError::NeverValid { at },
        ClaimsError::LifetimeTooLong {
            seconds: 2,
            limit: 1,
        },
        ClaimsError::AudienceMismatch { audiences: 1 },
        ClaimsError::ConfirmationUnsupported,
        mandate(MandateError::NotOneMandate { found: 2 }),
        mandate(MandateError::UnknownDetailType),
        mandate(MandateError::HolderIdentity),
    ]);
    claims
        .into_iter()
        .map(|error| Refusal::Verify(VerifyError::Unacceptable(error)))
        .collect()
}

fn senders() -> Vec<Refusal> {
    let (at, now) = (at(), at());
    let bindings = [
        BindingError::KeyBoundAsBearer,
        BindingError::NotKeyBound,
        BindingError::ProofMissing,
        BindingError::KeyMismatch,
        BindingError::ProofForAnotherToken,
        BindingError::CertificateMissing,
        BindingError::CertificateMismatch,
    ];
    let proofs = [
        DpopError::TooLarge { bytes: 2, limit: 1 },
        DpopError::Repeated,
        DpopError::Malformed(CompactError::NotThreeParts),
        DpopError::Header(HeaderError::ForbiddenParameter { parameter: "jku" }),
        DpopError::Header(HeaderError::Parameter(member(MemberFault::Missing))),
        DpopError::Header(HeaderError::WrongType {
            expected: "dpop+jwt",
        }),
        DpopError::Header(HeaderError::UnsupportedAlgorithm),
        DpopError::SecretKey,
        DpopError::Key(JwkError::NotForSignatures),
        DpopError::Claim(member(MemberFault::Missing)),
        DpopError::NotAuthentic(AuthenticityError::SignatureMismatch),
        DpopError::MethodMismatch,
        DpopError::UriMismatch,
        DpopError::NonceNeeded,
        DpopError::Stale { at, now },
        DpopError::InFuture { at, now },
        DpopError::TokenHashMismatch,
    ];
    let statuses = [
        StatusError::Revoked,
        StatusError::Suspended,
        StatusError::NotValid { status: 3 },
        StatusError::IndexOutOfRange {
            index: 1,
            entries: 1,
        },
        StatusError::ListNotAllowed,
        StatusError::MechanismUnknown,
    ];
    let mut senders: Vec<Refusal> = bindings.map(Refusal::Binding).into();
    senders.extend(proofs.map(Refusal::Dpop));
    senders.extend(statuses.map(Refusal::Status));
    senders.extend([Refusal::ProofReplayed, Refusal::TokenReplayed]);
    senders
}

/// Each denial, with the flow that has it where both have.
#[expect(clippy::too_many_lines, reason = "a list of all there are")]
fn denials() -> Vec<DenyReason> {
    let (at, from, ended, since) = (at(), at(), at(), at());
    let (valid_from, valid_until, accepted_at, expires_at) = (at, at, at, at);
    let kind = VerificationSystemKind::SecondaryNetwork;
    let minimum = Level::FRAMEWORK_MINIMUM;
    let mut denials = vec![
        DenyReason::StatutoryBasisUnknown { purpose: x() },
        DenyReason::MandateOnStatutoryOperation { operation: x() },
        DenyReason::MandateTypeUnknown { code: x() },
        DenyReason::SimulationOnlyInProduction { code: x() },
        DenyReason::MandateTypeWithdrawn {
            code: x(),
            from,
            at,
        },
        DenyReason::FrameworkNotInForce { at },
        DenyReason::FrameworkNotHeld { number: x(), at },
        DenyReason::DeliberationUnknown { number: x() },
        DenyReason::FrameworkNeverAuthorises { number: x() },
        DenyReason::DeliberationOfStatutoryFlow { number: x() },
        DenyReason::DeliberationNotForMandateType {
            number: x(),
            code: x(),
        },
        DenyReason::VerificationSystemNotAdmissible {
            system: x(),
            kind,
            code: x(),
        },
        DenyReason::HolderTypeNotAdmitted {
            code: x(),
            found: HolderType::Enterprise,
        },
        DenyReason::PurposeNotCovered { purpose: x() },
        DenyReason::PurposeNotApproved { purpose: x() },
        DenyReason::DataCategoryNotCovered { category: x() },
        DenyReason::DataCategoryNotApproved { category: x() },
        DenyReason::MandateNotYetValid { valid_from, at },
        DenyReason::MandateExpired { valid_until, at },
        DenyReason::MandateDurationExceeded {
            seconds: 2,
            maximum: 1,
        },
        DenyReason::TokenOutlivesMandate {
            expires_at,
            valid_until,
        },
        DenyReason::UsageNotApproved {
            approved: Usage::Repeated,
            found: Usage::SingleUse,
        },
        DenyReason::GrantLevelTooLow {
            minimum,
            found: None,
        },
        DenyReason::GrantNotAsCitizen,
        DenyReason::NotGrantedByDataSubject,
        DenyReason::ConsentItemMissing {
            item: ConsentItem::Scope,
        },
        DenyReason::ConsentVersionUnknown { version: x() },
        DenyReason::MandateNotActive,
        DenyReason::HolderAcceptanceInFuture { accepted_at, at },
        DenyReason::HolderIdentityExposed { kind },
        DenyReason::HolderPseudonymUnexpected,
        DenyReason::ChannelNotOffered {
            code: x(),
            channel: "api",
        },
        DenyReason::ApiNotForHolderType {
            found: HolderType::IndividualPractitioner,
        },
        DenyReason::CircleOfTrustNotAccepted,
        DenyReason::CircleOfTrustOutdated {
            current: x(),
            found: x(),
        },
        DenyReason::CircleOfTrustAcceptedTooLate { accepted_at, at },
        DenyReason::UserMissing,
        DenyReason::UserLevelTooLow {
            minimum,
            found: None,
        },
        DenyReason::UserRoleMissing,
        DenyReason::UserNotActingForHolder,
        DenyReason::TermsNotAccepted,
        DenyReason::TermsOutdated {
            current: x(),
            found: x(),
        },
        DenyReason::TermsAcceptedTooLate { accepted_at, at },
    ];
    for basis in [Basis::Mandate, Basis::Statutory] {
        let number = x();
        denials.extend([
            DenyReason::DeliberationNotInForce {
                basis,
                number: number.clone(),
                from,
                at,
            },
            DenyReason::DeliberationEnded {
                basis,
                number: number.clone(),
                ended,
                at,
            },
            DenyReason::DeliberationRepealed {
                basis,
                number,
                by: x(),
                since,
                at,
            },
        ]);
    }
    denials
}

fn faults() -> Vec<Fault> {
    let document = |error: MinimiseError| Fault::Response(error.into());
    vec![
        Fault::NotStarted,
        Fault::Log(LogError::Unavailable),
        Fault::Log(LogError::NotTrusted),
        Fault::Log(LogError::KeyUnavailable),
        Fault::Log(LogError::NotDue),
        Fault::Keys,
        Fault::Verifier,
        Fault::Replay(ReplayError::Unavailable),
        Fault::StatusUnavailable,
        Fault::Upstream(UpstreamError::Unreachable),
        Fault::Upstream(UpstreamError::Timeout { limit_ms: 1 }),
        Fault::Upstream(UpstreamError::NotSent),
        Fault::Response(ResponseError::NotJson),
        Fault::Response(ResponseError::Encoded),
        Fault::Response(ResponseError::Partial),
        Fault::Response(ResponseError::Incomplete),
        Fault::Response(ResponseError::TooSlow { limit_ms: 1 }),
        document(MinimiseError::TooLarge { limit: 1 }),
        document(MinimiseError::NotUtf8 { valid_up_to: 0 }),
        document(MinimiseError::Syntax { at: 0 }),
        document(MinimiseError::DuplicateMember),
        document(MinimiseError::TooDeep { limit: 1 }),
        document(MinimiseError::TooManyMembers { limit: 1 }),
        document(MinimiseError::NoMembers),
        Fault::Random,
        Fault::Record,
        Fault::Assertion,
    ]
}

/// What a caller gets, in the simulation.
fn body(stop: &Stop) -> (u16, Value) {
    let scheme = AuthorizationScheme::Bearer;
    let reply: Reply<()> = problem::answer(stop, "test", scheme, Candour::Simulation);
    match reply.body {
        ReplyBody::Text(text) => (reply.status, serde_json::from_str(&text).unwrap()),
        ReplyBody::Bytes(_) | ReplyBody::Nothing | ReplyBody::Upstream(()) => {
            panic!("a problem has a body of the gate's")
        }
    }
}

/// What the log has of a stop. An own entry is what is left; which faults come
/// after their decision's entry, or without any, is a matter of the pipeline.
fn entry(stop: &Stop) -> LogEntry {
    if leaves_no_entry(stop) {
        return LogEntry::Counted;
    }
    match stop {
        Stop::Refused(_) | Stop::Failed(Fault::Replay(_) | Fault::StatusUnavailable) => {
            LogEntry::Own
        }
        Stop::Failed(Fault::Upstream(_) | Fault::Response(_)) => LogEntry::Outcome,
        Stop::Failed(
            Fault::NotStarted
            | Fault::Log(_)
            | Fault::Keys
            | Fault::Verifier
            | Fault::Random
            | Fault::Record
            | Fault::Assertion,
        ) => LogEntry::None,
    }
}

#[test]
fn each_row_is_what_the_gate_does() {
    let table = Table::load().unwrap();
    for stop in stops() {
        let code = stop.code();
        let (_, row) = table
            .find(code)
            .unwrap_or_else(|| panic!("no row for {code}"));
        let (status, body) = body(&stop);
        let urn = format!("urn:problem-type:belgif:{}", row.problem());
        assert_eq!(
            (status, &body["type"]),
            (row.status(), &Value::from(urn)),
            "{code}"
        );
        let told = row.is_told().then(|| Value::from(code));
        assert_eq!(body.get("reason"), told.as_ref(), "{code}");
        assert_eq!(entry(&stop), row.entry(), "{code}");
    }
}

#[test]
fn each_row_has_a_stop() {
    let stops = stops();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for stop in &stops {
        *count.entry(stop.code()).or_default() += 1;
    }
    for reason in Table::load().unwrap().reasons() {
        assert!(
            count.contains_key(reason.code()),
            "no stop here has {}",
            reason.code()
        );
    }
}

#[test]
fn a_denial_rests_on_the_requirement_of_its_rule() {
    let table = Table::load().unwrap();
    for reason in denials() {
        let (_, row) = table.find(reason.code()).unwrap();
        let requirement = reason.requirement().to_owned();
        assert!(
            row.basis().contains(&requirement),
            "{} {requirement}",
            reason.code()
        );
    }
}

/// Limits stand in the texts as numbers, in each language.
#[test]
fn a_limit_in_a_text_is_the_limit() {
    let table = Table::load().unwrap();
    for (code, limit) in [
        ("tokenTooLarge", MAX_TOKEN_BYTES / 1024),
        ("dpopProofTooLarge", MAX_DPOP_PROOF_BYTES / 1024),
        ("jsonTooDeep", MAX_JSON_DEPTH),
        ("jsonTooManyMembers", MAX_JSON_MEMBERS),
        ("bodyTooSlow", MAX_BODY_WAIT_MS as usize / 1000),
        ("responseTooDeep", MAX_DEPTH),
        ("responseTooManyMembers", MAX_MEMBERS),
    ] {
        let (_, row) = table.find(code).unwrap();
        for language in Language::ALL {
            let meaning = row.explanation(language).meaning();
            let mut words = meaning.split([' ', '.']);
            assert!(
                words.any(|word| word == limit.to_string()),
                "{code}: {meaning}"
            );
        }
    }
}
