//! The secrets of a deployment. They come from the platform's secret store,
//! never from a file that is built in.

use std::rc::Rc;

use sha2::{Digest, Sha256};
use sluis_log::sequencer::HeadSeal;
use sluis_log::{
    AuditorKey, AuditorTokenError, KeyName, NoteSigner, Origin, ReceiptKey, ReferenceKey, ShardKey,
    UnixMillis, VerifiedAuditor, WrappingKey,
};
use sluis_token::PseudonymKey;
use sluis_token::sign::SigningKey;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::{AuditorRefusal, Fault};
use crate::nonce::NonceKey;
use crate::vault::Vault;

/// Length of a symmetric key, in bytes.
pub const KEY_BYTES: usize = 32;
/// Shortest operator token, in characters.
pub const MIN_OPERATOR_TOKEN_CHARS: usize = 32;

/// The secrets as text, by the names that operators use.
pub struct RawSecrets {
    /// `SLUIS_PSEUDONYM_KEY`: base64url, 32 bytes. Maps an SSIN to
    /// the `sub` of tokens.
    pub pseudonym_key: String,
    /// `SLUIS_LOG_KEY`: base64url, 32 bytes. Keys every reference in
    /// the log, which shard has an entry, and the nonces of DPoP.
    pub log_key: String,
    /// `SLUIS_ASSERTION_KEY`: a private JWK that signs the assertions.
    pub assertion_key: String,
    /// `SLUIS_CHECKPOINT_KEY`: base64url, 32 bytes, the seed of the Ed25519 key
    /// that signs the log's checkpoints.
    pub checkpoint_key: String,
    /// `SLUIS_PAYLOAD_KEY`: base64url, 32 bytes. Wraps the keys under which the log's
    /// payloads are sealed.
    pub payload_key: String,
    /// `SLUIS_AUDITOR_KEY`: base64url, 32 bytes. Makes and checks the tokens of
    /// auditors.
    pub auditor_key: String,
    /// `SLUIS_OPERATOR_TOKEN`: at least 32 characters, not the auditor key. None
    /// turns the operators' endpoints off.
    pub operator_token: Option<String>,
}

/// What a log's sequencer signs and seals with.
#[derive(Debug)]
pub struct CheckpointKey {
    signer: NoteSigner,
    seal: HeadSeal,
}

impl CheckpointKey {
    /// Takes `SLUIS_CHECKPOINT_KEY`, for the log of that origin, which is the name of
    /// its key (C2SP tlog-checkpoint).
    pub fn parse(text: &str, origin: &Origin) -> Result<Self, SecretError> {
        let unusable = |_| SecretError::Key { name: CHECKPOINT };
        let seed = parse_key(CHECKPOINT, text)?;
        let name = KeyName::parse(origin.as_str()).map_err(|_| SecretError::LogName)?;
        Ok(Self {
            signer: NoteSigner::new(name, &seed).map_err(unusable)?,
            seal: HeadSeal::derive(&seed),
        })
    }

    /// Signs checkpoints.
    pub const fn signer(&self) -> &NoteSigner {
        &self.signer
    }

    /// Seals trusted heads.
    pub const fn seal(&self) -> &HeadSeal {
        &self.seal
    }
}

const CHECKPOINT: &str = "SLUIS_CHECKPOINT_KEY";

/// The secrets, parsed.
pub struct Secrets {
    pub(crate) pseudonym_key: PseudonymKey,
    pub(crate) log_key: ReferenceKey,
    pub(crate) receipt_key: ReceiptKey,
    pub(crate) nonce_key: NonceKey,
    /// Chooses the log of an entry.
    pub(crate) shard_key: ShardKey,
    pub(crate) wrapping_key: WrappingKey,
    /// Seals what this instance leaves for the others.
    pub(crate) vault: Rc<Vault>,
    pub(crate) assertion_key: SigningKey,
    auditor_key: AuditorKey,
    /// Of the key that signs for the logs.
    checkpoint_seed: Zeroizing<[u8; KEY_BYTES]>,
    operator_digest: Option<[u8; 32]>,
}

/// A secret that cannot be used. Never says what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No base64url, or too short.
    #[error("{name}: expected base64url of {KEY_BYTES} bytes")]
    Key {
        /// Name of the secret.
        name: &'static str,
    },
    /// No usable private JWK.
    #[error("{name}: expected a private JWK as `sluis keys generate` writes it")]
    Jwk {
        /// Name of the secret.
        name: &'static str,
    },
    /// The log's origin cannot be the name of a key.
    #[error("{CHECKPOINT}: the log's origin is too long for the name of a key")]
    LogName,
    /// Too short.
    #[error("{name}: expected at least {MIN_OPERATOR_TOKEN_CHARS} characters")]
    OperatorToken {
        /// Name of the secret.
        name: &'static str,
    },
    /// One credential for two roles.
    #[error("{name}: expected something else than SLUIS_AUDITOR_KEY")]
    SameToken {
        /// Name of the secret.
        name: &'static str,
    },
}

impl TryFrom<RawSecrets> for Secrets {
    type Error = SecretError;

    fn try_from(raw: RawSecrets) -> Result<Self, SecretError> {
        let operator_token = raw.operator_token.filter(|token| !token.is_empty());
        if let Some(token) = &operator_token {
            let name = "SLUIS_OPERATOR_TOKEN";
            if token.chars().count() < MIN_OPERATOR_TOKEN_CHARS {
                return Err(SecretError::OperatorToken { name });
            }
            if *token == raw.auditor_key {
                return Err(SecretError::SameToken { name });
            }
        }
        // Whose log it is for is known where it is used; here, that it is one at all.
        let checkpoint_seed = parse_key(CHECKPOINT, &raw.checkpoint_key)?;
        let log_key = parse_key("SLUIS_LOG_KEY", &raw.log_key)?;
        Ok(Self {
            receipt_key: ReceiptKey::derive(&log_key),
            nonce_key: NonceKey::derive(&log_key),
            shard_key: ShardKey::derive(&log_key),
            checkpoint_seed,
            wrapping_key: WrappingKey::derive(&*parse_key("SLUIS_PAYLOAD_KEY", &raw.payload_key)?),
            vault: Rc::new(Vault::derive(&*log_key)),
            operator_digest: operator_token.map(|token| Sha256::digest(token.as_bytes()).into()),
            pseudonym_key: pseudonym_key(&raw.pseudonym_key)?,
            log_key: ReferenceKey::from_base64url(raw.log_key.trim()).map_err(|_| {
                SecretError::Key {
                    name: "SLUIS_LOG_KEY",
                }
            })?,
            assertion_key: SigningKey::from_jwk_json(&raw.assertion_key).map_err(|_| {
                SecretError::Jwk {
                    name: "SLUIS_ASSERTION_KEY",
                }
            })?,
            auditor_key: AuditorKey::new(&*parse_key("SLUIS_AUDITOR_KEY", &raw.auditor_key)?),
        })
    }
}

impl Secrets {
    /// The auditor that an `Authorization` value is of.
    pub(crate) fn auditor(
        &self,
        authorization: Option<&str>,
        log: &Origin,
        now: UnixMillis,
    ) -> Result<VerifiedAuditor, AuditorRefusal> {
        let token = bearer(authorization).ok_or(AuditorRefusal::Unknown)?;
        let verified = self.auditor_key.verify(token, log, now);
        verified.map_err(|error| match error {
            AuditorTokenError::Expired => AuditorRefusal::Expired,
            AuditorTokenError::Malformed
            | AuditorTokenError::Signature
            | AuditorTokenError::Grant(_)
            | AuditorTokenError::OtherLog
            | AuditorTokenError::NotYet => AuditorRefusal::Unknown,
        })
    }

    /// Whether an `Authorization` value is the operators'. Digests are compared
    /// in constant time, so neither content nor length leaks.
    pub(crate) fn is_operator(&self, authorization: Option<&str>) -> bool {
        self.operator_digest
            .is_some_and(|digest| is_bearer(authorization, &digest))
    }

    /// Signs in the name of a log, or of the deployment's.
    pub(crate) fn note_signer(&self, origin: &Origin) -> Result<NoteSigner, Fault> {
        let name = KeyName::parse(origin.as_str()).map_err(|_| Fault::Record)?;
        NoteSigner::new(name, &self.checkpoint_seed).map_err(|_| Fault::Record)
    }

    /// Whether there are operators' endpoints at all.
    pub(crate) fn has_operator(&self) -> bool {
        self.operator_digest.is_some()
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}

fn bearer(authorization: Option<&str>) -> Option<&str> {
    let (scheme, token) = authorization?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn is_bearer(authorization: Option<&str>, expected: &[u8; 32]) -> bool {
    bearer(authorization).is_some_and(|token| {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        bool::from(digest.ct_eq(expected))
    })
}

fn pseudonym_key(text: &str) -> Result<PseudonymKey, SecretError> {
    let name = "SLUIS_PSEUDONYM_KEY";
    let key = parse_key(name, text)?;
    PseudonymKey::new(key.as_slice()).map_err(|_| SecretError::Key { name })
}

fn parse_key(name: &'static str, text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, SecretError> {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let bytes =
        Base64UrlUnpadded::decode_vec(text.trim()).map_err(|_| SecretError::Key { name })?;
    let bytes = Zeroizing::new(bytes);
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice());
    key.map(Zeroizing::new)
        .map_err(|_| SecretError::Key { name })
}
