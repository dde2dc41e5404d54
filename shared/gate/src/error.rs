//! Whose fault it is: [`Refusal`] is the caller's, [`Fault`] is ours.
//!
//! They never mix: a refusal is 4xx and says that this request may not pass; a
//! fault is 5xx and says that we could not find out. [`crate::problem`] maps
//! both to HTTP, in one place.

use sluis_policy::DenyReason;
use sluis_token::{BearerError, BindingError, DpopError, ParseError, VerifyError};

use crate::minimise::ResponseError;
use crate::platform::{LogError, UpstreamError};
use crate::replay::ReplayError;
use crate::route::RouteError;

/// Why a request may not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no operation of this gate.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// It carries no bearer token in the one allowed way (profile §1–2).
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// A proxy's question names more than one original request, or none.
    #[error("the original request is named in more than one way, or in none")]
    Ambiguous,
    /// The token is malformed (profile §3–9).
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// No configured verification system issued it (profile §11).
    #[error("the issuer is not a configured verification system")]
    UnknownIssuer,
    /// The token does not verify (profile §9–20).
    #[error(transparent)]
    Verify(VerifyError),
    /// The token is bound to another sender (profile §22–23).
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The DPoP proof is no good (profile §22).
    #[error(transparent)]
    Dpop(#[from] DpopError),
    /// The DPoP proof was used before (RFC 9449 §11.1).
    #[error("the proof was used before")]
    ProofReplayed,
    /// The single-use mandate was used before (profile §25): it is no longer valid.
    #[error("the single-use mandate was used before")]
    TokenReplayed,
    /// The token's status is not that of a valid one (profile §24).
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The deliberations do not allow it (profile §26–32).
    #[error(transparent)]
    Denied(DenyReason),
    /// It is about another person than the token (profile §17, M-21.5).
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// It is for auditors.
    #[error(transparent)]
    Auditor(#[from] AuditorRefusal),
    /// The operators' credential is missing or wrong.
    #[error("not an operator")]
    Operator,
    /// An operator's order cannot be read, or names an unknown issuer.
    #[error("the operator's order is malformed")]
    Order,
}

impl Refusal {
    /// The stable reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Route(RouteError::MalformedTarget) => "targetMalformed",
            Self::Route(RouteError::NotFound) => "operationUnknown",
            Self::Route(RouteError::MethodNotAllowed { .. }) => "methodNotAllowed",
            Self::Route(RouteError::UnknownQueryParameter) => "queryParameterUnknown",
            Self::Bearer(error) => error.code(),
            Self::Ambiguous => "originalRequestAmbiguous",
            Self::Parse(error) => error.code(),
            Self::UnknownIssuer => "issuerUnknown",
            Self::Verify(error) => error.code(),
            Self::Binding(error) => error.code(),
            Self::Dpop(error) => error.code(),
            Self::ProofReplayed => "dpopProofReplayed",
            Self::TokenReplayed => "tokenReplayed",
            Self::Status(error) => error.code(),
            Self::Denied(reason) => reason.code(),
            Self::Subject(error) => error.code(),
            Self::Auditor(refusal) => refusal.code(),
            Self::Operator => "operatorUnknown",
            Self::Order => "orderMalformed",
        }
    }
}

/// Why somebody may not read the log, or not this of it (M-25.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditorRefusal {
    /// The token is missing, not made with the auditor key, or not for this log.
    #[error("not an auditor")]
    Unknown,
    /// The token was good and is no longer.
    #[error("the auditor's token has expired")]
    Expired,
    /// Records of accesses are read for a purpose, and the token has none.
    #[error("the auditor's token has no purpose")]
    NoPurpose,
}

impl AuditorRefusal {
    /// The stable reason code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "auditorUnknown",
            Self::Expired => "auditorTokenExpired",
            Self::NoPurpose => "auditorPurposeMissing",
        }
    }
}

/// Why a token's status does not let it through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// It was revoked, for ever (M-10.4).
    #[error("the token was revoked")]
    Revoked,
    /// It is suspended, for now.
    #[error("the token is suspended")]
    Suspended,
    /// It has a status that is not known here, so it is not valid.
    #[error("the token has the unknown status {status}")]
    NotValid {
        /// The status.
        status: u8,
    },
    /// The list has no entry for it.
    #[error("index {index} of a status list with {entries} entries")]
    IndexOutOfRange {
        /// The index that the token names.
        index: u64,
        /// How many entries the list has.
        entries: u64,
    },
    /// The list stands where its issuer's lists may not stand.
    #[error("a status list at an address that is not on the issuer's allow-list")]
    ListNotAllowed,
    /// Its status is to be looked up in a way that the profile does not have.
    #[error("an unknown status mechanism")]
    MechanismUnknown,
}

impl StatusError {
    /// The stable reason code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Revoked => "tokenRevoked",
            Self::Suspended => "tokenSuspended",
            Self::NotValid { .. } => "tokenStatusNotValid",
            Self::IndexOutOfRange { .. } => "statusIndexOutOfRange",
            Self::ListNotAllowed => "statusListNotAllowed",
            Self::MechanismUnknown => "statusMechanismUnknown",
        }
    }
}

impl From<StatusError> for Stop {
    fn from(error: StatusError) -> Self {
        Self::Refused(error.into())
    }
}

/// Why a request's data subject is not the token's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// The identifier does not map to the token's `sub`.
    #[error("the request is about another person than the token")]
    Mismatch,
    /// The identifier is no SSIN.
    #[error("{location}: {name} is no SSIN")]
    Malformed {
        /// `path` or `body`.
        location: &'static str,
        /// The parameter or pointer.
        name: String,
    },
    /// There is no identifier where the route says.
    #[error("{location}: {name} is absent")]
    Absent {
        /// `path` or `body`.
        location: &'static str,
        /// The parameter or pointer.
        name: String,
    },
    /// The body is not one JSON document in plain encoding.
    #[error("the body is no JSON document")]
    NotJson,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// The body is too large to look into.
    #[error("the body is over {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
}

impl SubjectError {
    /// The stable reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Mismatch => "subjectMismatch",
            Self::Malformed { .. } => "subjectMalformed",
            Self::Absent { .. } => "subjectAbsent",
            Self::NotJson => "bodyNotJson",
            Self::BodyTooSlow => "bodyTooSlow",
            Self::BodyTooLarge { .. } => "bodyTooLarge",
        }
    }
}

/// What we could not do. The request is not forwarded (profile §33), or its answer
/// not passed on (§35).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The gate could not start: its settings are wrong.
    #[error("the gate is not started")]
    NotStarted,
    /// The decision could not be recorded.
    #[error("the decision is not recorded: {0}")]
    Log(#[from] LogError),
    /// The issuer's keys cannot be had.
    #[error("the issuer's keys are unavailable")]
    Keys,
    /// The signature could not be checked.
    #[error("the signature could not be checked")]
    Verifier,
    /// Nobody can tell whether a proof or a single-use mandate was used before.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The token's status list cannot be had, or only one that is too old.
    #[error("the token's status cannot be established")]
    StatusUnavailable,
    /// The upstream gave no answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The upstream's answer cannot be filtered, and so not be passed on.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The system gave no random bytes.
    #[error("no random bytes")]
    Random,
    /// A record could not be built.
    #[error("the record could not be built")]
    Record,
    /// The assertion could not be signed.
    #[error("the assertion could not be signed")]
    Assertion,
}

impl Fault {
    /// The stable reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotStarted => "notStarted",
            Self::Log(LogError::NotTrusted) => "logNotTrusted",
            Self::Log(LogError::KeyUnavailable) => "payloadKeyUnavailable",
            Self::Log(
                LogError::Unavailable
                | LogError::Timeout { .. }
                | LogError::Conflict
                | LogError::Malformed
                | LogError::NoShard(_)
                | LogError::ReceiptMismatch,
            ) => "logUnavailable",
            Self::Log(LogError::NotDue) => "periodNotDue",
            Self::Keys => "keysUnavailable",
            Self::Verifier => "verifierUnavailable",
            Self::Replay(_) => "replayUnavailable",
            Self::StatusUnavailable => "statusUnavailable",
            Self::Upstream(error) => error.code(),
            Self::Response(error) => error.code(),
            Self::Random => "randomUnavailable",
            Self::Record => "recordNotBuilt",
            Self::Assertion => "assertionNotSigned",
        }
    }
}

/// Either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The caller's fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Ours.
    #[error(transparent)]
    Failed(#[from] Fault),
}

impl Stop {
    /// The stable reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Failed(fault) => fault.code(),
        }
    }
}
