//! The closed lists: which party may write which kind of record, with which
//! fields. What is not in here is refused, so a party cannot send what another
//! may not learn (M-22.1), nor a national number or a name at all.

use crate::names::names;

names! {
    /// Who keeps a log of its part of a call.
    Party {
        /// Confirms that the mandate exists and issues the token (M-14.2, M-17).
        VerificationSystem = "verificationSystem",
        /// Stands between where not even the holder may be known (M-15.4).
        SecondaryNetwork = "secondaryNetwork",
        /// Asks for the data.
        MandateHolder = "mandateHolder",
        /// Decides at the institution: Sluis, whose own log is read as it is.
        Validator = "validator",
        /// The institution itself, beside its validator: what it does to know a hidden holder (M-22.1).
        Institution = "institution",
        /// A supervisory body, which gets the other half (M-22.1).
        Supervisor = "supervisor",
    }
}

names! {
    /// A field of another party's record, in `data`.
    Member {
        /// `BelGov-Trace-Id` of the writer's own message.
        TraceId = "traceId",
        /// `BelGov-Trace-Id` of the other side's message.
        RelatedTraceId = "relatedTraceId",
        /// `jti` of the token.
        TokenId = "tokenId",
        /// SHA-256 of the token, in lower-case hexadecimal.
        TokenHash = "tokenHash",
        /// The verification system, by the id that institutions know it by.
        VerificationSystem = "verificationSystem",
        /// Its `iss`.
        Issuer = "issuer",
        /// The mandate, by its verification system's own id.
        MandateId = "mandateId",
        /// The mandate's type, a code of the catalogue.
        MandateType = "mandateType",
        /// The holder, where it may be known.
        HolderEnterpriseNumber = "holderEnterpriseNumber",
        /// The holder, where it may not.
        HolderPseudonym = "holderPseudonym",
        /// The data subject's pairwise pseudonym, the token's `sub`.
        SubjectPseudonym = "subjectPseudonym",
        /// The level at which the subject granted (M-13.2).
        GrantLevel = "grantLevel",
        /// The holder's own reference of its user (M-23.2).
        UserRef = "userRef",
        /// What the holder says it asked for.
        Operation = "operation",
        /// Why.
        Purpose = "purpose",
        /// api or webApp.
        Channel = "channel",
        /// The status that was received.
        HttpStatus = "httpStatus",
        /// SHA-256 of the text of a request to re-identify, in lower-case hexadecimal.
        RequestHash = "requestHash",
        /// Why the holder was to be known.
        Reason = "reason",
        /// The complaint or file under which.
        Reference = "reference",
    }
}

/// What a record is tied to a call by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tie {
    /// By the mandate: of every call with it.
    Mandate,
    /// By the token: of every call with it.
    Token,
    /// By the trace: of this call alone.
    Call,
}

names! {
    /// What a record of another party says happened: `<resource>.notify.<participle>`.
    RecordKind {
        /// The subject granted, and the mandate is active (M-13.3).
        MandateGranted = "mandates.notify.granted",
        /// The mandate ended (M-10.4, M-13.3).
        MandateRevoked = "mandates.notify.revoked",
        /// The secondary network confirmed relation and mandate (M-15.3).
        RelationConfirmed = "relations.notify.confirmed",
        /// A token was issued.
        TokenIssued = "tokens.notify.issued",
        /// The holder sent the request.
        RequestSent = "requests.notify.sent",
        /// The holder got the answer.
        ResponseReceived = "responses.notify.received",
        /// The institution or the supervisor asked who a hidden holder is (M-22.1).
        ReidentificationRequested = "reidentifications.notify.requested",
        /// The verification system gave each of the two its half.
        ReidentificationAnswered = "reidentifications.notify.answered",
        /// The halves were put together.
        ReidentificationCombined = "reidentifications.notify.combined",
    }
}

impl RecordKind {
    pub(crate) const fn tie(self) -> Tie {
        match self {
            Self::MandateGranted | Self::MandateRevoked | Self::RelationConfirmed => Tie::Mandate,
            Self::TokenIssued
            | Self::ReidentificationRequested
            | Self::ReidentificationAnswered
            | Self::ReidentificationCombined => Tie::Token,
            Self::RequestSent | Self::ResponseReceived => Tie::Call,
        }
    }
}

/// One party's kind of record and its fields.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Who writes it.
    pub party: Party,
    /// What it says happened.
    pub kind: RecordKind,
    /// The fields that must be there.
    pub required: &'static [Member],
    /// Those that may be.
    pub optional: &'static [Member],
    /// Of these, exactly one must be there.
    pub one_of: &'static [Member],
}

/// Every kind of record that is taken. A secondary network has no field for a
/// holder's number, and a holder none for itself: where it must stay hidden its
/// own log would say who it is.
pub const KINDS: &[Kind] = &[
    Kind {
        party: Party::VerificationSystem,
        kind: RecordKind::MandateGranted,
        required: &[
            Member::Issuer,
            Member::MandateId,
            Member::MandateType,
            Member::GrantLevel,
        ],
        optional: &[Member::SubjectPseudonym],
        one_of: &[],
    },
    Kind {
        party: Party::VerificationSystem,
        kind: RecordKind::MandateRevoked,
        required: &[Member::Issuer, Member::MandateId],
        optional: &[Member::SubjectPseudonym],
        one_of: &[],
    },
    Kind {
        party: Party::VerificationSystem,
        kind: RecordKind::TokenIssued,
        required: &[
            Member::TraceId,
            Member::TokenId,
            Member::TokenHash,
            Member::VerificationSystem,
            Member::Issuer,
            Member::MandateId,
            Member::MandateType,
        ],
        optional: &[
            Member::RelatedTraceId,
            Member::SubjectPseudonym,
            Member::Purpose,
            Member::Channel,
        ],
        one_of: &[Member::HolderEnterpriseNumber, Member::HolderPseudonym],
    },
    Kind {
        party: Party::SecondaryNetwork,
        kind: RecordKind::RelationConfirmed,
        required: &[
            Member::TraceId,
            Member::Issuer,
            Member::MandateId,
            Member::HolderPseudonym,
        ],
        optional: &[Member::RelatedTraceId, Member::SubjectPseudonym],
        one_of: &[],
    },
    Kind {
        party: Party::SecondaryNetwork,
        kind: RecordKind::TokenIssued,
        required: &[
            Member::TraceId,
            Member::TokenId,
            Member::TokenHash,
            Member::VerificationSystem,
            Member::Issuer,
            Member::MandateId,
            Member::MandateType,
            Member::HolderPseudonym,
        ],
        optional: &[
            Member::RelatedTraceId,
            Member::SubjectPseudonym,
            Member::Purpose,
            Member::Channel,
        ],
        one_of: &[],
    },
    Kind {
        party: Party::MandateHolder,
        kind: RecordKind::RequestSent,
        required: &[Member::TraceId, Member::TokenHash],
        optional: &[
            Member::RelatedTraceId,
            Member::TokenId,
            Member::UserRef,
            Member::Operation,
            Member::Purpose,
            Member::Channel,
        ],
        one_of: &[],
    },
    Kind {
        party: Party::MandateHolder,
        kind: RecordKind::ResponseReceived,
        required: &[
            Member::TraceId,
            Member::RelatedTraceId,
            Member::TokenHash,
            Member::HttpStatus,
        ],
        optional: &[],
        one_of: &[],
    },
    Kind {
        party: Party::Institution,
        kind: RecordKind::ReidentificationRequested,
        required: &ASKED,
        optional: &[],
        one_of: &[],
    },
    Kind {
        party: Party::Supervisor,
        kind: RecordKind::ReidentificationRequested,
        required: &ASKED,
        optional: &[],
        one_of: &[],
    },
    Kind {
        party: Party::VerificationSystem,
        kind: RecordKind::ReidentificationAnswered,
        required: &OF_A_REQUEST,
        optional: &[],
        one_of: &[],
    },
    Kind {
        party: Party::SecondaryNetwork,
        kind: RecordKind::ReidentificationAnswered,
        required: &OF_A_REQUEST,
        optional: &[],
        one_of: &[],
    },
    Kind {
        party: Party::Institution,
        kind: RecordKind::ReidentificationCombined,
        required: &OF_A_REQUEST,
        optional: &[],
        one_of: &[],
    },
    Kind {
        party: Party::Supervisor,
        kind: RecordKind::ReidentificationCombined,
        required: &OF_A_REQUEST,
        optional: &[],
        one_of: &[],
    },
];

/// What a step of a re-identification is about. There is no field for who the holder is.
const OF_A_REQUEST: [Member; 4] = [
    Member::Issuer,
    Member::TokenId,
    Member::TokenHash,
    Member::RequestHash,
];
/// The same, and why.
const ASKED: [Member; 6] = [
    Member::Issuer,
    Member::TokenId,
    Member::TokenHash,
    Member::RequestHash,
    Member::Reason,
    Member::Reference,
];

impl Kind {
    /// The entry of [`KINDS`], if that party writes such records.
    pub(crate) fn of(party: Party, kind: RecordKind) -> Option<&'static Self> {
        KINDS
            .iter()
            .find(|one| one.party == party && one.kind == kind)
    }

    pub(crate) fn takes(&self, member: Member) -> bool {
        [self.required, self.optional, self.one_of]
            .iter()
            .any(|list| list.contains(&member))
    }
}
