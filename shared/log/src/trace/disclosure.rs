//! What a reader of a trace may see (M-22.1, M-23.2).
//!
//! | fact | institution | verification system | data subject | supervisor |
//! |---|---|---|---|---|
//! | the holder's number | unless hidden | yes | unless hidden | unless hidden |
//! | the holder's pseudonym | yes | yes | no | yes |
//! | references of the institution's log | yes | no | no | yes |
//! | the holder's user | no | no | no | unless hidden |
//! | the holder's system | unless hidden | unless hidden | unless hidden | unless hidden |
//! | a hidden holder's own words | whether they agree | the same | the same | the same |
//! | ids and hash of the token | yes | yes | no | yes |
//! | why and under which reference a holder was asked for | yes | yes | no | yes |
//!
//! A supervisor sees no more of a hidden holder than the institution does: who
//! it is, it learns from the verification system, by the procedure for that.

use crate::names::names;

names! {
    /// For whom a trace is made.
    Audience {
        /// The institution whose data was asked for.
        Institution = "institution",
        /// The verification system, or the secondary network.
        VerificationSystem = "verificationSystem",
        /// The person whom the data is about.
        DataSubject = "dataSubject",
        /// A supervisory body, or the data protection officer in audit (M-25.1).
        Supervisor = "supervisor",
    }
}

names! {
    /// Why a value is not shown.
    Withheld {
        /// The institution may not learn who the holder is (M-15.4, M-22.1).
        HolderHidden = "holderHidden",
        /// The holder answers for its users (M-23.2).
        UserOfHolder = "userOfHolder",
        /// A reference of the institution's log, and of use to it alone.
        ReferenceOfInstitution = "referenceOfInstitution",
        /// Between the holder, the verification system and the institution.
        NotOfSubject = "notOfSubject",
    }
}

/// Kinds of facts, by who may see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Whatever all may see.
    Open,
    HolderNumber,
    HolderPseudonym,
    HolderUser,
    HolderSystem,
    /// A keyed reference of the log to a holder, a subject or a mandate.
    Reference,
    TokenId,
    /// Why somebody asked who a hidden holder is: the reference may be of another person's complaint.
    Procedure,
}

impl Audience {
    /// Why this reader may not see it, if so. `hidden`: the holder is.
    pub(crate) const fn may_not_see(self, fact: Fact, hidden: bool) -> Option<Withheld> {
        match (fact, self) {
            (Fact::Open, _)
            | (
                Fact::HolderPseudonym | Fact::TokenId | Fact::Procedure,
                Self::Institution | Self::VerificationSystem | Self::Supervisor,
            )
            | (Fact::Reference, Self::Institution | Self::Supervisor)
            | (Fact::HolderNumber, Self::VerificationSystem) => None,
            (Fact::HolderPseudonym | Fact::TokenId | Fact::Procedure, Self::DataSubject) => {
                Some(Withheld::NotOfSubject)
            }
            (Fact::Reference, Self::VerificationSystem | Self::DataSubject) => {
                Some(Withheld::ReferenceOfInstitution)
            }
            (
                Fact::HolderUser,
                Self::Institution | Self::VerificationSystem | Self::DataSubject,
            ) => Some(Withheld::UserOfHolder),
            (Fact::HolderNumber, Self::Institution | Self::DataSubject | Self::Supervisor)
            | (Fact::HolderUser, Self::Supervisor)
            | (Fact::HolderSystem, _) => {
                if hidden {
                    Some(Withheld::HolderHidden)
                } else {
                    None
                }
            }
        }
    }
}
