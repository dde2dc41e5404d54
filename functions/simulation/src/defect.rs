//! The kinds of bad tokens that the simulation mints, and what the gate answers.

use serde::{Deserialize, Serialize};

macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident = $status:literal),+ $(,)?) => {
        /// One thing wrong with an otherwise good token.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum Defect {
            $($(#[$doc])* $name,)+
        }

        impl Defect {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The status that the gate answers with.
            pub const fn expected_status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }
        }
    };
}

defects! {
    /// Expired a minute ago.
    Expired = 401,
    /// Valid only in an hour.
    NotYetValid = 401,
    /// Lives longer than the issuer's tokens may.
    LongLived = 401,
    /// For another audience.
    WrongAudience = 401,
    /// From an issuer that nobody configured.
    UnknownIssuer = 401,
    /// One bit of the signature is another.
    ForgedSignature = 401,
    /// `alg` is `none`, the signature empty.
    AlgNone = 401,
    /// `typ` is that of another kind of JWT.
    WrongType = 401,
    /// Bound to a key that nobody shows (RFC 7800).
    Confirmation = 401,
    /// About another person than the request.
    OtherSubject = 403,
    /// For a purpose that the operation does not have.
    WrongPurpose = 403,
    /// For data that the operation does not give.
    WrongDataCategory = 403,
    /// Of a mandate type whose deliberation has ended.
    EndedDeliberation = 403,
    /// Names the general framework as if it authorised (M-2.1).
    FrameworkOnly = 403,
    /// The mandate ended yesterday (M-12.5).
    MandateExpired = 403,
    /// The mandate runs for longer than its type may (M-12.5).
    MandateTooLong = 403,
    /// Granted at level 350 (M-13.2).
    LowGrantLevel = 403,
    /// Consent without the item on revocation (M-13.1).
    ConsentIncomplete = 403,
    /// The Circle of Trust was not accepted (M-23.1).
    NoCircleOfTrust = 403,
    /// The holder is named, or hidden, where the catalogue wants the other (M-17.3).
    HolderIdentity = 403,
    /// For one use, of a type that is approved for repeated use (M-9.2).
    SingleUse = 403,
    /// Names a status list at an address that is not its issuer's.
    StatusList = 401,
}
