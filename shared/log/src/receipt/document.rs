//! A receipt with its proofs, as one file, and its check without any network.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::field::ReceiptField;
use super::text::{CallReceipt, CallReceiptError, Place, is_outcome};
use crate::chain::Origin;
use crate::entry::{Entry, LeafHash, OutcomeCode};
use crate::hash::HASH_BYTES;
use crate::note::{
    BundleFault, MAX_EXTRA_BYTES, MAX_NOTE_BYTES, NoteError, NoteSigner, NoteVerifier, ProofBundle,
    ProofBundleError, Quorum, SignatureFault, SignedNote,
};

/// Longest document taken: three notes and two entries, with what JSON escapes.
pub const MAX_RECEIPT_DOCUMENT_BYTES: usize = 2 * (3 * MAX_NOTE_BYTES + 4 * MAX_EXTRA_BYTES);

/// A document as it came: nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptDocument {
    note: SignedNote,
    decision: ProofBundle,
    outcome: Option<ProofBundle>,
}

/// Why bytes are no such document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReceiptDocumentError {
    /// Longer than is taken.
    #[error("{0} bytes; a receipt of {MAX_RECEIPT_DOCUMENT_BYTES} is taken")]
    TooLong(usize),
    /// Not the JSON document that it must be.
    #[error("not a JSON document with receipt, decision and outcome")]
    Json,
    /// The receipt is no note.
    #[error("the receipt: {0}")]
    Note(#[from] NoteError),
    /// A proof is none.
    #[error("the proof of the {what}: {error}")]
    Proof {
        /// Of which entry.
        what: &'static str,
        /// Why.
        error: ProofBundleError,
    },
}

/// Why a document shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReceiptFault {
    /// The log's key did not sign it.
    #[error("no key of the log signed the receipt")]
    NotSigned,
    /// A signature that claims to be the log's is not.
    #[error("{0}")]
    Signature(#[from] SignatureFault),
    /// It says nothing that is known.
    #[error("{0}")]
    Text(#[from] CallReceiptError),
    /// It is of another log.
    #[error("the receipt is of the log {0}")]
    OtherLog(Origin),
    /// A proof does not hold.
    #[error("the {what}: {fault}")]
    Proof {
        /// Of which entry.
        what: &'static str,
        /// Why.
        fault: BundleFault,
    },
    /// A proof is of another entry than the receipt, or is missing, or one too many.
    #[error("the proof of the {0} is not of the entry that the receipt names")]
    OtherEntry(&'static str),
    /// It is not the receipt of the field.
    #[error("the field that came with the answer is of another call")]
    OtherField,
    /// It was made with another token.
    #[error("the call was made with another token")]
    OtherToken,
    /// The answer is another.
    #[error("the answer is not the one that was sent")]
    OtherAnswer,
    /// There is no digest of an answer.
    #[error("the receipt has no digest of an answer: it was not read, or not known yet")]
    NoAnswer,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    receipt: String,
    decision: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
}

/// A receipt that the log signed, of entries that stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt(CallReceipt);

impl ReceiptDocument {
    /// Signs what is said and puts the proofs beside it.
    pub fn sign(
        receipt: &CallReceipt,
        signer: &NoteSigner,
        decision: ProofBundle,
        outcome: Option<ProofBundle>,
    ) -> Result<Self, NoteError> {
        let text = receipt.to_string();
        let signature = signer.sign(&text);
        let note = SignedNote::new(text, vec![signature])?;
        Ok(Self {
            note,
            decision,
            outcome,
        })
    }

    /// Reads a document, to its last byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptDocumentError> {
        if bytes.len() > MAX_RECEIPT_DOCUMENT_BYTES {
            return Err(ReceiptDocumentError::TooLong(bytes.len()));
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|_| ReceiptDocumentError::Json)?;
        let proof = |what, text: &str| {
            ProofBundle::parse(text.as_bytes())
                .map_err(|error| ReceiptDocumentError::Proof { what, error })
        };
        let outcome = raw.outcome.as_deref().map(|text| proof("outcome", text));
        Ok(Self {
            note: SignedNote::parse(raw.receipt.as_bytes())?,
            decision: proof("decision", &raw.decision)?,
            outcome: outcome.transpose()?,
        })
    }

    /// The document, as JSON.
    pub fn to_json(&self) -> String {
        let raw = Raw {
            receipt: self.note.to_string(),
            decision: self.decision.to_string(),
            outcome: self.outcome.as_ref().map(ToString::to_string),
        };
        // Only a map with non-text keys could fail to serialise; there is none.
        serde_json::to_string_pretty(&raw).unwrap_or_default()
    }

    /// The log that it says it is of, before anything of it is verified.
    pub fn log(&self) -> Result<Origin, ReceiptFault> {
        Ok(CallReceipt::parse(self.note.text())?.log)
    }

    /// Verifies the signature and both proofs, under the keys of the log of that origin.
    pub fn verify(
        &self,
        origin: &Origin,
        keys: &[NoteVerifier],
    ) -> Result<VerifiedReceipt, ReceiptFault> {
        let mut signed = false;
        for key in keys
            .iter()
            .filter(|key| key.name().as_str() == origin.as_str())
        {
            signed |= key.signed(&self.note)?;
        }
        if !signed {
            return Err(ReceiptFault::NotSigned);
        }
        let receipt = CallReceipt::parse(self.note.text())?;
        if receipt.log != *origin {
            return Err(ReceiptFault::OtherLog(receipt.log));
        }
        let of = |code| code == OutcomeCode::Granted;
        proven(
            "decision",
            &self.decision,
            receipt.decision,
            (origin, keys),
            of,
        )?;
        match (&self.outcome, receipt.outcome) {
            (Some(proof), Some(place)) => {
                proven("outcome", proof, place, (origin, keys), is_outcome)?;
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => return Err(ReceiptFault::OtherEntry("outcome")),
        }
        Ok(VerifiedReceipt(receipt))
    }
}

/// That the entry named stands in the log, and is of that kind.
fn proven(
    what: &'static str,
    proof: &ProofBundle,
    place: Place,
    (origin, keys): (&Origin, &[NoteVerifier]),
    is_of: impl Fn(OutcomeCode) -> bool,
) -> Result<(), ReceiptFault> {
    let entry = proof.extra.as_deref().unwrap_or_default();
    let other = ReceiptFault::OtherEntry(what);
    if proof.index != place.index || LeafHash::of(entry) != place.leaf {
        return Err(other);
    }
    proof
        .verify(place.leaf, origin, keys, &Quorum::none())
        .map_err(|fault| ReceiptFault::Proof { what, fault })?;
    match Entry::decode(entry) {
        Ok(entry) if is_of(entry.outcome) => Ok(()),
        Ok(_) | Err(_) => Err(other),
    }
}

impl VerifiedReceipt {
    /// What it says.
    pub const fn receipt(&self) -> &CallReceipt {
        &self.0
    }

    /// That it is the receipt of the field that came with the answer.
    pub fn is_of_field(&self, field: &ReceiptField) -> Result<(), ReceiptFault> {
        let place = Place {
            index: field.index(),
            leaf: field.leaf(),
        };
        if *field.log() == self.0.log && place == self.0.decision {
            Ok(())
        } else {
            Err(ReceiptFault::OtherField)
        }
    }

    /// That the call was made with the token of that SHA-256.
    pub fn is_of_token(&self, sha256: &[u8; HASH_BYTES]) -> Result<(), ReceiptFault> {
        let of_it = self.0.is_of_token(sha256);
        of_it.then_some(()).ok_or(ReceiptFault::OtherToken)
    }

    /// That this body was sent to the holder of the field.
    pub fn is_of_answer(&self, field: &ReceiptField, body: &[u8]) -> Result<(), ReceiptFault> {
        self.is_of_field(field)?;
        let digest = self.0.answer_digest().ok_or(ReceiptFault::NoAnswer)?;
        let sent = field.capability().digest(body).as_slice() == digest;
        sent.then_some(()).ok_or(ReceiptFault::OtherAnswer)
    }
}
