//! Why a document is not passed on. Places only: no error holds anything of it.

use thiserror::Error;

/// Why a document cannot be minimised; then nothing of it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MinimiseError {
    /// More bytes than are read.
    #[error("the document is over {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// Not UTF-8 (RFC 8259 §8.1).
    #[error("not UTF-8 after byte {valid_up_to}")]
    NotUtf8 {
        /// Bytes that were good.
        valid_up_to: usize,
    },
    /// Not JSON (RFC 8259), a byte order mark before it, or something after it.
    #[error("not JSON at byte {at}")]
    Syntax {
        /// Where, from 0.
        at: usize,
    },
    /// Two members of one object have the same name: who reads the answer might
    /// take the other one.
    #[error("an object has two members of one name")]
    DuplicateMember,
    /// Deeper than allowed.
    #[error("deeper than {limit} levels")]
    TooDeep {
        /// The most that is accepted.
        limit: usize,
    },
    /// More members than allowed.
    #[error("an object has more than {limit} members")]
    TooManyMembers {
        /// The most that is accepted.
        limit: usize,
    },
    /// The document is one text, number or literal, which no field's name covers.
    #[error("neither an object nor an array")]
    NoMembers,
}

impl MinimiseError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "responseTooLarge",
            Self::NotUtf8 { .. } => "responseNotUtf8",
            Self::Syntax { .. } => "responseSyntax",
            Self::DuplicateMember => "responseDuplicateMember",
            Self::TooDeep { .. } => "responseTooDeep",
            Self::TooManyMembers { .. } => "responseTooManyMembers",
            Self::NoMembers => "responseWithoutMembers",
        }
    }
}
