//! The request note: which token, why, under which reference.

use std::fmt;

use super::ReidentificationError;
use super::half::Recipient;
use crate::hash::{HASH_BYTES, hex, sha256};
use crate::names::names;
use crate::note::lines::{self, LinesError};
use crate::note::{NoteSigner, NoteVerifier, SignedNote};
use crate::time::UnixMillis;
use crate::trace::{Member, Party, PartyRecord, RecordKind};

const FIRST_LINE: &str = "sluis-reidentification-request/v1";
const LABELS: [&str; 7] = [
    "issuer",
    "token-id",
    "token-hash",
    "reason",
    "reference",
    "requested",
    "nonce",
];
/// Bytes that make two requests about one token two.
pub const NONCE_BYTES: usize = 16;
/// How old a request may be when it is answered: a note that was lost and found years later opens nothing.
pub const MAX_REQUEST_AGE_MS: u64 = 30 * 86_400_000;
/// How far a requester's clock may be ahead.
const CLOCK_TOLERANCE_MS: u64 = 60_000;

names! {
    /// Why a holder is to be known: a closed list, so that there is always a reason that can be judged.
    Reason {
        /// A data subject's complaint about the call (M-21.5).
        Complaint = "complaint",
        /// A supervisory body asks (M-21.5, M-25.1).
        Supervision = "supervision",
        /// An incident with the data (M-25.1).
        SecurityIncident = "securityIncident",
        /// A court or a prosecutor orders it.
        JudicialOrder = "judicialOrder",
    }
}

/// What is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct ReidentificationRequest {
    pub(super) issuer: String,
    pub(super) token_id: String,
    pub(super) token_hash: [u8; HASH_BYTES],
    pub(super) reason: Reason,
    pub(super) reference: String,
    pub(super) requested: UnixMillis,
    nonce: [u8; NONCE_BYTES],
}

impl ReidentificationRequest {
    /// A request about the token of that id and hash, as the institution's log has them; `reference` is that of the
    /// complaint or file.
    pub fn new(
        issuer: &str,
        (token_id, token_hash): (&str, &str),
        (reason, reference): (Reason, &str),
        requested: UnixMillis,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Self, ReidentificationError> {
        Ok(Self {
            issuer: lines::text("issuer", issuer)?,
            token_id: lines::text("token-id", token_id)?,
            token_hash: lines::bytes("token-hash", token_hash)?,
            reason,
            reference: lines::text("reference", reference)?,
            requested,
            nonce,
        })
    }

    /// The request as a note, signed by who asks.
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedNote, ReidentificationError> {
        let text = self.text();
        let signature = signer.sign(&text);
        Ok(SignedNote::new(text, vec![signature])?)
    }

    /// What halves and records are bound to: SHA-256 of the note's text.
    pub fn hash(&self) -> [u8; HASH_BYTES] {
        sha256(&[self.text().as_bytes()])
    }

    /// The note's text.
    pub fn text(&self) -> String {
        let (hash, nonce) = (hex(&self.token_hash), hex(&self.nonce));
        let requested = self.requested.to_string();
        let values = [
            self.issuer.as_str(),
            &self.token_id,
            &hash,
            self.reason.as_str(),
            &self.reference,
            &requested,
            &nonce,
        ];
        let mut all = LABELS.map(|label| (label, ""));
        for (line, value) in all.iter_mut().zip(values) {
            line.1 = value;
        }
        lines::write(FIRST_LINE, all)
    }

    /// What a note asks. Who signed it, [`VerifiedRequest`] tells.
    pub fn parse(note: &SignedNote) -> Result<Self, ReidentificationError> {
        let [issuer, id, hash, reason, reference, requested, nonce] =
            lines::read(note, FIRST_LINE, LABELS)?;
        let expected = "complaint, supervision, securityIncident or judicialOrder";
        let reason = Reason::parse(reason).ok_or(LinesError::Form {
            line: "reason",
            expected,
        })?;
        Self::new(
            issuer,
            (id, hash),
            (reason, reference),
            lines::instant("requested", requested)?,
            lines::bytes("nonce", nonce)?,
        )
    }
}

/// Without what identifies the call.
impl fmt::Debug for ReidentificationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReidentificationRequest")
            .field("reason", &self.reason)
            .field("requested", &self.requested)
            .finish_non_exhaustive()
    }
}

/// The keys of the two who may ask and get a half each.
#[derive(Debug, Clone)]
pub struct Requesters {
    institution: NoteVerifier,
    supervisor: NoteVerifier,
}

impl Requesters {
    /// Two names and two keys: one party with both would get both halves.
    pub fn new(
        institution: NoteVerifier,
        supervisor: NoteVerifier,
    ) -> Result<Self, ReidentificationError> {
        if institution.name() == supervisor.name() || institution.same_key(&supervisor) {
            return Err(ReidentificationError::OneRequester);
        }
        Ok(Self {
            institution,
            supervisor,
        })
    }

    /// That side's key.
    pub const fn of(&self, recipient: Recipient) -> &NoteVerifier {
        match recipient {
            Recipient::Institution => &self.institution,
            Recipient::Supervisor => &self.supervisor,
        }
    }
}

/// A request that one of the two who may ask has signed.
#[derive(Debug, Clone)]
pub struct VerifiedRequest {
    request: ReidentificationRequest,
    requesters: Requesters,
}

impl VerifiedRequest {
    /// Reads a note and verifies its signature; one that does not hold makes it void, whoever else signed.
    pub fn verify(
        note: &SignedNote,
        requesters: Requesters,
    ) -> Result<Self, ReidentificationError> {
        let request = ReidentificationRequest::parse(note)?;
        let institution = requesters.institution.signed(note)?;
        let supervisor = requesters.supervisor.signed(note)?;
        if !institution && !supervisor {
            return Err(ReidentificationError::NotRequested {
                institution: requesters.institution.name().clone(),
                supervisor: requesters.supervisor.name().clone(),
            });
        }
        Ok(Self {
            request,
            requesters,
        })
    }

    /// What is asked.
    pub const fn request(&self) -> &ReidentificationRequest {
        &self.request
    }

    /// The two sides.
    pub const fn requesters(&self) -> &Requesters {
        &self.requesters
    }

    /// Whether a record of the verification system's own log is of the issue of the token that is asked about.
    pub fn is_of(&self, record: &PartyRecord) -> bool {
        let Self { request, .. } = self;
        record.kind() == RecordKind::TokenIssued
            && record.get(Member::TokenHash) == Some(hex(&request.token_hash).as_str())
            && record.get(Member::TokenId) == Some(request.token_id.as_str())
            && record.get(Member::Issuer) == Some(request.issuer.as_str())
    }

    /// A request that is to be answered: recent, and about a token that was issued to a hidden holder.
    pub fn answerable(
        self,
        now: UnixMillis,
        issued: &PartyRecord,
    ) -> Result<AnswerableRequest, ReidentificationError> {
        let requested = self.request.requested;
        if requested.as_millis() > now.as_millis().saturating_add(CLOCK_TOLERANCE_MS) {
            return Err(ReidentificationError::Early { requested, now });
        }
        if now.as_millis().saturating_sub(requested.as_millis()) > MAX_REQUEST_AGE_MS {
            return Err(ReidentificationError::Old { requested, now });
        }
        if !self.is_of(issued) {
            return Err(ReidentificationError::OtherToken);
        }
        if issued.get(Member::HolderPseudonym).is_none() {
            return Err(ReidentificationError::NotHidden);
        }
        Ok(AnswerableRequest {
            verified: self,
            party: issued.party(),
            now,
        })
    }
}

/// A request that the verification system may answer.
#[derive(Debug, Clone)]
pub struct AnswerableRequest {
    pub(super) verified: VerifiedRequest,
    pub(super) party: Party,
    pub(super) now: UnixMillis,
}

impl AnswerableRequest {
    /// What is asked.
    pub const fn request(&self) -> &ReidentificationRequest {
        &self.verified.request
    }

    /// In whose log the token's issue stands: who answers.
    pub const fn party(&self) -> Party {
        self.party
    }
}
