//! The two halves of an answer: each alone is a uniformly random number.

use std::fmt;

use zeroize::Zeroizing;

use super::ReidentificationError;
use super::holder::{HolderNumber, PADDED_BYTES};
use super::request::{AnswerableRequest, Requesters, VerifiedRequest};
use crate::hash::{HASH_BYTES, hex};
use crate::names::names;
use crate::note::lines::{self, LinesError};
use crate::note::{KeyName, NoteSigner, NoteVerifier, SignedNote};
use crate::time::UnixMillis;

const FIRST_LINE: &str = "sluis-reidentification-half/v1";
const LABELS: [&str; 6] = ["request", "side", "for", "answer", "answered", "half"];
/// Bytes that make the two halves of one answer a pair.
pub const PAIR_BYTES: usize = 16;

names! {
    /// Whose half.
    Recipient {
        /// The institution whose data was asked for.
        Institution = "institution",
        /// The supervisory body.
        Supervisor = "supervisor",
    }
}

/// Fresh randoms of one answer; they are used once.
pub struct SplitRandoms {
    /// The institution's half.
    pub mask: Zeroizing<[u8; PADDED_BYTES]>,
    /// What both halves carry.
    pub pair: [u8; PAIR_BYTES],
}

/// Without the mask.
impl fmt::Debug for SplitRandoms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SplitRandoms(..)")
    }
}

impl AnswerableRequest {
    /// Splits the holder's number; the institution's half and the supervisor's, each signed.
    pub fn split(
        &self,
        holder: &HolderNumber,
        randoms: SplitRandoms,
        signer: &NoteSigner,
    ) -> Result<(SignedNote, SignedNote), ReidentificationError> {
        let SplitRandoms { mask, pair } = randoms;
        let half = |recipient, bytes: Zeroizing<[u8; PADDED_BYTES]>| {
            let half = Half {
                request: self.request().hash(),
                recipient,
                name: self.verified.requesters().of(recipient).name().clone(),
                pair,
                answered: self.now,
                bytes,
            };
            let text = half.text();
            let signature = signer.sign(&text);
            SignedNote::new(text, vec![signature])
        };
        let other = xor(&mask, &holder.padded());
        Ok((
            half(Recipient::Institution, mask)?,
            half(Recipient::Supervisor, other)?,
        ))
    }
}

fn xor(a: &[u8; PADDED_BYTES], b: &[u8; PADDED_BYTES]) -> Zeroizing<[u8; PADDED_BYTES]> {
    let mut both = Zeroizing::new(*a);
    for (to, from) in both.iter_mut().zip(b) {
        *to ^= from;
    }
    both
}

#[derive(Clone, PartialEq, Eq)]
struct Half {
    request: [u8; HASH_BYTES],
    recipient: Recipient,
    name: KeyName,
    pair: [u8; PAIR_BYTES],
    answered: UnixMillis,
    bytes: Zeroizing<[u8; PADDED_BYTES]>,
}

impl Half {
    fn text(&self) -> String {
        let answered = self.answered.to_string();
        let (request, pair, bytes) = (
            hex(&self.request),
            hex(&self.pair),
            hex(self.bytes.as_slice()),
        );
        let values = [
            request.as_str(),
            self.recipient.as_str(),
            self.name.as_str(),
            &pair,
            &answered,
            &bytes,
        ];
        let mut all = LABELS.map(|label| (label, ""));
        for (line, value) in all.iter_mut().zip(values) {
            line.1 = value;
        }
        lines::write(FIRST_LINE, all)
    }

    fn read(note: &SignedNote) -> Result<Self, ReidentificationError> {
        let [request, side, name, pair, answered, bytes] = lines::read(note, FIRST_LINE, LABELS)?;
        let form = |line, expected| LinesError::Form { line, expected };
        Ok(Self {
            request: lines::bytes("request", request)?,
            recipient: Recipient::parse(side).ok_or(form("side", "institution or supervisor"))?,
            name: KeyName::parse(name).map_err(|_| form("for", "a key's name"))?,
            pair: lines::bytes("answer", pair)?,
            answered: lines::instant("answered", answered)?,
            bytes: Zeroizing::new(lines::bytes("half", bytes)?),
        })
    }
}

/// A half that the verification system has signed.
#[derive(Clone)]
pub struct VerifiedHalf(Half);

/// Without the half.
impl fmt::Debug for VerifiedHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedHalf({}, ..)", self.0.recipient)
    }
}

impl VerifiedHalf {
    /// Reads a note and verifies the verification system's signature.
    pub fn verify(note: &SignedNote, system: &NoteVerifier) -> Result<Self, ReidentificationError> {
        let half = Half::read(note)?;
        if !system.signed(note)? {
            return Err(ReidentificationError::NotAnswered(system.name().clone()));
        }
        Ok(Self(half))
    }

    /// Which answer it is of.
    pub const fn pair(&self) -> &[u8; PAIR_BYTES] {
        &self.0.pair
    }

    fn is_part_of(
        &self,
        hash: &[u8; HASH_BYTES],
        requesters: &Requesters,
    ) -> Result<(), ReidentificationError> {
        let Self(half) = self;
        if half.request != *hash {
            return Err(ReidentificationError::OtherRequest);
        }
        if half.name != *requesters.of(half.recipient).name() {
            return Err(ReidentificationError::OtherRecipient(half.name.clone()));
        }
        Ok(())
    }
}

/// Who the holder is, by both halves of one answer to that request.
pub fn combine(
    request: &VerifiedRequest,
    one: &VerifiedHalf,
    other: &VerifiedHalf,
) -> Result<HolderNumber, ReidentificationError> {
    let hash = request.request().hash();
    one.is_part_of(&hash, request.requesters())?;
    other.is_part_of(&hash, request.requesters())?;
    if one.0.recipient == other.0.recipient {
        return Err(ReidentificationError::SameSide(one.0.recipient));
    }
    if one.0.pair != other.0.pair {
        return Err(ReidentificationError::OtherPair);
    }
    HolderNumber::from_padded(&xor(&one.0.bytes, &other.0.bytes))
}
