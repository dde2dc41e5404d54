//! The closed lists of the catalogue. Adding a member is a change of code, because a rule must answer to it.

use serde::{Deserialize, Serialize};

/// Declares a closed list: camelCase in files, `as_str` the same spelling.
macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$member_doc])* #[serde(rename = $text)] $member,)+
        }

        impl $name {
            /// Every member.
            pub const ALL: &'static [Self] = &[$(Self::$member),+];

            /// As files and tokens spell it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

closed_list! {
    /// What a deliberation is for.
    DeliberationKind {
        /// General conditions for every mandate; never authorises a communication by itself (M-2.1, M-7.1).
        Framework = "framework",
        /// Approves the scope of one or more mandate types (M-12.2).
        Mandate = "mandate",
        /// Authorises a communication for a task laid down in regulation (M-11.1, S-4.1).
        Statutory = "statutory",
    }
}

closed_list! {
    /// Whether the catalogue knows what a deliberation says.
    Contents {
        /// Its rules are in this catalogue.
        Encoded = "encoded",
        /// Only its existence is known here; nothing can be decided by it.
        NotHeld = "notHeld",
    }
}

closed_list! {
    /// Who adopted it.
    Chamber {
        /// Information Security Committee, chamber social security and health.
        SocialSecurityAndHealth = "socialSecurityAndHealth",
        /// Nobody: a fictitious deliberation of the simulation.
        None = "none",
    }
}

closed_list! {
    /// The lawful ground under article 6 §1 of the GDPR (M-4.1, S-5.1).
    Lawfulness {
        /// Consent of the data subject, given by granting the mandate (M-5.1).
        Consent = "art6_1_a",
        /// Legal obligation of the controller (S-6.1).
        LegalObligation = "art6_1_c",
    }
}

closed_list! {
    /// How often a mandate may be used (M-9.2).
    Usage {
        /// Once.
        SingleUse = "singleUse",
        /// As often as needed while it lasts.
        Repeated = "repeated",
    }
}

closed_list! {
    /// The kinds of professional mandate holder (M-1.1).
    HolderType {
        /// An organisation.
        Organization = "organization",
        /// An enterprise.
        Enterprise = "enterprise",
        /// An individual professional practitioner.
        IndividualPractitioner = "individualPractitioner",
    }
}

closed_list! {
    /// How a token names the mandate holder (M-17.3).
    HolderIdentity {
        /// By enterprise number.
        Plain = "plain",
        /// By a pseudonym that only the verification system can resolve.
        Pseudonymised = "pseudonymised",
    }
}

closed_list! {
    /// Who runs a verification system.
    VerificationSystemKind {
        /// The Crossroads Bank, for mandates that reveal nothing sensitive (M-14.2, M-16.1).
        Cbss = "cbss",
        /// The managing institution of a secondary network, which knows the relation already (M-15.4, M-16.2).
        SecondaryNetwork = "secondaryNetwork",
    }
}

closed_list! {
    /// What the data subject was told before granting (M-13.1, a to e).
    ConsentItem {
        /// (a) The scope of the mandate.
        Scope = "scope",
        /// (b) Which holder receives it.
        HolderIdentity = "holderIdentity",
        /// (c) That level 400 or more is used to grant.
        AuthenticationLevel = "authenticationLevel",
        /// (d) That the mandate can be revoked.
        Revocation = "revocation",
        /// (e) That grant and revocation are registered.
        Registration = "registration",
    }
}

closed_list! {
    /// How precisely a field is delivered (M-6.2, S-2.3, S-2.4, S-2.6).
    Granularity {
        /// As it is.
        Exact = "exact",
        /// As a class or band.
        Class = "class",
        /// As a year and a month.
        YearMonth = "yearMonth",
        /// As yes or no.
        Boolean = "boolean",
        /// As a pseudonym or a meaningless sequence number.
        Pseudonym = "pseudonym",
    }
}

closed_list! {
    /// What the recipient may do with the data towards others.
    OnwardTransfer {
        /// Nothing, unless the committee explicitly approves (S-23.2).
        Forbidden = "forbidden",
        /// Only what the deliberation itself describes.
        AsDeliberated = "asDeliberated",
    }
}

closed_list! {
    /// Who sees to a security measure (M-12.6).
    MeasureClass {
        /// A check of this crate on every request.
        Hard = "hard",
        /// An attestation.
        Soft = "soft",
        /// People and paper.
        Organizational = "organizational",
    }
}

closed_list! {
    /// Who keeps a log of its part of a call (M-21.4); `TRACING.md` says what each is.
    LogParty {
        /// Confirms that the mandate exists and issues the token (M-14.2, M-17).
        VerificationSystem = "verificationSystem",
        /// Stands between where not even the holder may be known (M-15.4).
        SecondaryNetwork = "secondaryNetwork",
        /// Asks for the data.
        MandateHolder = "mandateHolder",
        /// Decides at the institution.
        Validator = "validator",
        /// The institution itself, beside its validator (M-22.1).
        Institution = "institution",
        /// A supervisory body (M-22.1).
        Supervisor = "supervisor",
    }
}

closed_list! {
    /// What a log has records of: what stands before `.notify.` in their type.
    LogRecords {
        /// Grants and revocations of mandates (M-13.3).
        Mandates = "mandates",
        /// Confirmations of a relation and its mandate by a secondary network (M-15.3).
        Relations = "relations",
        /// Issued tokens (M-17.2).
        Tokens = "tokens",
        /// Requests that a holder sent.
        Requests = "requests",
        /// Answers that a holder got.
        Responses = "responses",
        /// Decisions on calls, and what came of them (M-21.1).
        Accesses = "accesses",
        /// Steps to know who a hidden holder is (M-22.1).
        Reidentifications = "reidentifications",
    }
}
