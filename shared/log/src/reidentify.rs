//! Re-identification: who a hidden holder is, told to an institution and a
//! supervisor together and to neither alone (M-15.4, M-22.1).
//!
//! The institution or the supervisor signs a request note about one token
//! ([`ReidentificationRequest`]). The verification system verifies it
//! ([`VerifiedRequest`]), finds that it issued that token to a hidden holder
//! ([`AnswerableRequest`]) and splits the holder's number 2-of-2: a fresh random,
//! and the number padded to one length XOR that random. Each half is a note that
//! it signs, bound to the request's hash. [`combine`] wants both, of one answer
//! ([`VerifiedHalf`]). All three are C2SP signed notes with a first line of their
//! own, so none passes for a checkpoint. Each step has its record ([`Author`]),
//! which a trace joins by the token.
//!
//! Out of scope: a clock, randomness, and how a half reaches its party; who
//! intercepts both halves knows the holder.

mod half;
mod holder;
mod record;
mod request;

pub use half::{PAIR_BYTES, Recipient, SplitRandoms, VerifiedHalf, combine};
pub use holder::HolderNumber;
pub use record::{Author, Step};
pub use request::{
    AnswerableRequest, MAX_REQUEST_AGE_MS, NONCE_BYTES, Reason, ReidentificationRequest,
    Requesters, VerifiedRequest,
};

use thiserror::Error;

use crate::note::{KeyName, LinesError, NoteError, SignatureFault};
use crate::time::UnixMillis;

/// Why a step of the procedure is not taken. Never says who the holder is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReidentificationError {
    /// No note.
    #[error("no signed note: {0}")]
    Note(#[from] NoteError),
    /// Other lines than those of such a note.
    #[error("{0}")]
    Lines(#[from] LinesError),
    /// A signature that claims to be a known key's is not: the note is void.
    #[error("the note is void: {0}")]
    Signature(#[from] SignatureFault),
    /// Neither of the keys that may ask has signed.
    #[error("the request is signed by neither {institution} nor {supervisor}")]
    NotRequested {
        /// The institution's key.
        institution: KeyName,
        /// The supervisor's.
        supervisor: KeyName,
    },
    /// The verification system has not signed.
    #[error("the half is not signed by {0}")]
    NotAnswered(KeyName),
    /// One key or one name for both sides: one party would have both halves.
    #[error("institution and supervisor are one: each needs a name and a key of its own")]
    OneRequester,
    /// Too old to be answered.
    #[error("requested at {requested}, more than {} days before {now}", MAX_REQUEST_AGE_MS / 86_400_000)]
    Old {
        /// When it was made.
        requested: UnixMillis,
        /// The verification system's time.
        now: UnixMillis,
    },
    /// From a time to come.
    #[error("requested at {requested}, which is after {now}")]
    Early {
        /// When it says it was made.
        requested: UnixMillis,
        /// The verification system's time.
        now: UnixMillis,
    },
    /// The record that was found is not of that token's issue.
    #[error("the record is not of the issue of this token")]
    OtherToken,
    /// The holder was named in the token: there is nobody to re-identify.
    #[error("the holder of this token is not hidden: the institution's own log knows it")]
    NotHidden,
    /// Not an enterprise number.
    #[error("expected an enterprise number of ten digits whose check digits hold")]
    Holder,
    /// A half of another request.
    #[error("the half is of another request")]
    OtherRequest,
    /// A half for another name than the one known here.
    #[error("the half is for {0}, who is not a party to this request")]
    OtherRecipient(KeyName),
    /// Twice the same side's half.
    #[error("both halves are the {0}'s; one of each side is wanted")]
    SameSide(Recipient),
    /// Halves of two answers to the same request.
    #[error("the halves are of two different answers")]
    OtherPair,
    /// What comes out is no padded number.
    #[error("the halves do not make a holder's number")]
    NoHolder,
}
