//! DPoP: proof that the sender of a token has the private key that the token is bound
//! to (RFC 9449; token profile §22).
//!
//! The numbers of the checks are those of RFC 9449 §4.3. That the proof was not used
//! before (§11.1) is asked of a store, with [`VerifiedDpopProof::replay_key`].

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::authentic::{check_signature, ready};
use crate::base64url;
use crate::bearer::AccessToken;
use crate::compact::{Compact, Part, Signed, object};
use crate::dpop_error::DpopError;
use crate::fields::{Fault, FieldError, Fields};
use crate::header::{self, FORBIDDEN_PARAMETERS, HeaderError};
use crate::http_uri::{HttpUri, MAX_URI_BYTES};
use crate::issuer::MAX_CLOCK_SKEW_SECONDS;
use crate::json::{Json, Object};
use crate::jwk::{Jwk, is_secret};
use crate::time::UnixTime;
use crate::verifier::{LocalVerifier, SignatureVerifier};

/// Longest `DPoP` field that is looked at, checked before anything is decoded. A proof
/// by an RSA key of 4096 bits takes some 2.5 KiB.
pub const MAX_DPOP_PROOF_BYTES: usize = 4096;

/// How long a proof may be used, by its sender's clock (RFC 9449 §11.1): it is made for
/// one request. To it comes the difference of clocks, [`MAX_CLOCK_SKEW_SECONDS`].
pub const DPOP_PROOF_LIFETIME_SECONDS: u64 = 60;

/// Longest `jti` of a proof.
pub const MAX_DPOP_PROOF_ID_BYTES: usize = 128;

/// Longest `nonce` of a proof.
pub const MAX_DPOP_NONCE_BYTES: usize = 256;

/// `typ` of a proof (RFC 9449 §4.2).
const PROOF_TYPE: &str = "dpop+jwt";

/// Longest method, and longest `ath`: a good one has 43 characters.
const MAX_SHORT_TEXT_BYTES: usize = 64;

const REPLAY_CONTEXT: &[u8] = b"sluis dpop proof v1\0";

/// A proof that was read, of which nothing is believed yet.
pub struct DpopProof {
    signed: Signed,
    key: Jwk,
    claims: ProofClaims,
}

struct ProofClaims {
    proof_id: Box<str>,
    method: Box<str>,
    uri: Box<str>,
    issued_at: UnixTime,
    expires_at: Option<UnixTime>,
    not_before: Option<UnixTime>,
    nonce: Option<Box<str>>,
    token_hash: Option<Box<str>>,
}

/// The request that a proof came with.
#[derive(Debug, Clone, Copy)]
pub struct DpopRequest<'a> {
    /// Its method, as it was sent: methods are case-sensitive (RFC 9110 §9.1).
    pub method: &'a str,
    /// Its absolute URI as the client sees it: scheme, authority and path. A query and a
    /// fragment are not looked at.
    pub url: &'a str,
    /// The token beside the proof.
    pub access_token: &'a AccessToken,
    /// When it came.
    pub now: UnixTime,
}

impl DpopProof {
    /// Reads the `DPoP` field: checks 1 to 5 and 7. The values of a repeated field
    /// are joined by a comma (RFC 9110 §5.3), which no proof contains.
    pub fn parse(field: &str) -> Result<Self, DpopError> {
        let text = field.trim_matches([' ', '\t']);
        if text.len() > MAX_DPOP_PROOF_BYTES {
            return Err(DpopError::TooLarge {
                bytes: text.len(),
                limit: MAX_DPOP_PROOF_BYTES,
            });
        }
        // Check 1: one field. Check 2: one well-formed JWT.
        if text.contains(',') {
            return Err(DpopError::Repeated);
        }
        let parts = Compact::split(text)?;
        let header_bytes = parts.decode(Part::Header)?;
        let key = parse_header(&object(Part::Header, &header_bytes)?)?;
        let signature = parts.decode(Part::Signature)?;
        let payload_bytes = parts.decode(Part::Payload)?;
        let claims = ProofClaims::parse(&object(Part::Payload, &payload_bytes)?)?;
        Ok(Self {
            signed: Signed {
                text: Arc::from(text),
                signature,
            },
            key,
            claims,
        })
    }

    /// RFC 7638 thumbprint of the key that the proof brings: what `cnf.jkt` of the token
    /// must be. To be compared before the signature is verified, since anyone
    /// can bring a key and a proof by it.
    pub const fn key_thumbprint(&self) -> [u8; 32] {
        self.key.thumbprint()
    }

    /// Checks 6 and 8 to 12, but that the key is the token's: that is
    /// [`VerifiedAccessToken::bind`](crate::VerifiedAccessToken::bind).
    ///
    /// `nonce_is_ours` says whether a nonce was given out by this server and
    /// is still good (RFC 9449 §9).
    pub async fn verify<V: SignatureVerifier>(
        self,
        verifier: &V,
        request: &DpopRequest<'_>,
        nonce_is_ours: impl Fn(&str) -> bool,
    ) -> Result<VerifiedDpopProof, DpopError> {
        // Check 6. First, so that nothing below is told of what its sender did not sign.
        check_signature(verifier, &self.key, &self.signed).await?;
        let claims = &self.claims;
        // Check 8.
        if *claims.method != *request.method {
            return Err(DpopError::MethodMismatch);
        }
        // Check 9. A request whose own URI is none matches nothing.
        match (HttpUri::parse(&claims.uri), HttpUri::parse(request.url)) {
            (Some(named), Some(actual)) if named == actual => {}
            (_, _) => return Err(DpopError::UriMismatch),
        }
        // Check 11.
        let valid_until = claims.check_time(request.now)?;
        // Check 12, first half.
        let token_sha256 = request.access_token.sha256();
        let expected = base64url::encode(&token_sha256);
        let token_hash = claims
            .token_hash
            .as_deref()
            .ok_or(DpopError::Claim(FieldError::new("ath", Fault::Missing)))?;
        if !bool::from(token_hash.as_bytes().ct_eq(expected.as_bytes())) {
            return Err(DpopError::TokenHashMismatch);
        }
        // Check 10. Last, so that a nonce is asked of those only who can use one.
        if !claims.nonce.as_deref().is_some_and(nonce_is_ours) {
            return Err(DpopError::NonceNeeded);
        }
        let key_thumbprint = self.key.thumbprint();
        Ok(VerifiedDpopProof {
            key_thumbprint,
            token_sha256,
            replay_key: Sha256::new()
                .chain_update(REPLAY_CONTEXT)
                .chain_update(key_thumbprint)
                .chain_update(claims.proof_id.as_bytes())
                .finalize()
                .into(),
            valid_until,
        })
    }

    /// [`verify`](Self::verify) with the [`LocalVerifier`], without an executor: for
    /// command lines and tests.
    pub fn verify_locally(
        self,
        request: &DpopRequest<'_>,
        nonce_is_ours: impl Fn(&str) -> bool,
    ) -> Result<VerifiedDpopProof, DpopError> {
        ready(self.verify(&LocalVerifier, request, nonce_is_ours)).unwrap_or(Err(
            DpopError::Unavailable {
                operation: "localVerifier",
            },
        ))
    }
}

impl fmt::Debug for DpopProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DpopProof")
            .field("algorithm", &self.key.algorithm())
            .finish_non_exhaustive()
    }
}

/// Checks 4, 5 and 7; the key is held to the rules of a published one (token profile §12).
fn parse_header(object: &Object<'_>) -> Result<Jwk, DpopError> {
    // What an access token may not have, a proof may not have either; but its key
    // it brings along.
    let forbidden = FORBIDDEN_PARAMETERS
        .into_iter()
        .filter(|name| *name != "jwk");
    header::refuse(object, forbidden)?;
    let algorithm = header::algorithm(object, PROOF_TYPE)?;
    let fault = match object.get("jwk") {
        Some(Json::Object(key)) if is_secret(key) => return Err(DpopError::SecretKey),
        Some(Json::Object(key)) => {
            return Jwk::parse_embedded(key, algorithm).map_err(DpopError::Key);
        }
        Some(_) => Fault::WrongType,
        None => Fault::Missing,
    };
    Err(HeaderError::Parameter(FieldError::new("jwk", fault)).into())
}

impl ProofClaims {
    /// Check 3, with strict types. `ath` is asked for once the rest held.
    fn parse(payload: &Object<'_>) -> Result<Self, FieldError> {
        let claims = Fields(payload);
        Ok(Self {
            proof_id: claims.text("jti", MAX_DPOP_PROOF_ID_BYTES)?.into(),
            method: claims.text("htm", MAX_SHORT_TEXT_BYTES)?.into(),
            uri: claims.text("htu", MAX_URI_BYTES)?.into(),
            issued_at: claims.time("iat")?,
            expires_at: claims.optional_time("exp")?,
            not_before: claims.optional_time("nbf")?,
            nonce: claims
                .optional_text("nonce", MAX_DPOP_NONCE_BYTES)?
                .map(Box::from),
            token_hash: claims
                .optional_text("ath", MAX_SHORT_TEXT_BYTES)?
                .map(Box::from),
        })
    }

    /// When the proof stops being good, if it is good now. `exp` and `nbf` are no
    /// claims of a proof, but where they stand they mean what they mean in every
    /// JWT (RFC 7519 §4.1.4–4.1.5).
    fn check_time(&self, now: UnixTime) -> Result<UnixTime, DpopError> {
        let latest_begin = now.saturating_add(MAX_CLOCK_SKEW_SECONDS);
        for at in [Some(self.issued_at), self.not_before]
            .into_iter()
            .flatten()
        {
            if at > latest_begin {
                return Err(DpopError::InFuture { at, now });
            }
        }
        let lifetime_ends = self.issued_at.saturating_add(DPOP_PROOF_LIFETIME_SECONDS);
        let at = self
            .expires_at
            .map_or(lifetime_ends, |expires_at| expires_at.min(lifetime_ends));
        let valid_until = at.saturating_add(MAX_CLOCK_SKEW_SECONDS);
        if now >= valid_until {
            return Err(DpopError::Stale { at, now });
        }
        Ok(valid_until)
    }
}

/// A proof whose signature, request, nonce, time and token were checked.
///
/// It cannot be made in another way than by [`DpopProof::verify`]:
///
/// ```compile_fail,E0451
/// let forged = sluis_token::VerifiedDpopProof {
///     key_thumbprint: [0; 32],
///     token_sha256: [0; 32],
///     replay_key: [0; 32],
///     valid_until: sluis_token::UnixTime::from_seconds(0).unwrap(),
/// };
/// ```
///
/// It was verified for one request, and is to be used for that request only: once its
/// [`replay_key`](Self::replay_key) was found unused. `Debug` prints no thumbprint.
pub struct VerifiedDpopProof {
    key_thumbprint: [u8; 32],
    token_sha256: [u8; 32],
    replay_key: [u8; 32],
    valid_until: UnixTime,
}

impl VerifiedDpopProof {
    /// RFC 7638 thumbprint of the key that made the proof.
    pub const fn key_thumbprint(&self) -> [u8; 32] {
        self.key_thumbprint
    }

    /// SHA-256 of the token that the proof was made for.
    pub(crate) const fn token_sha256(&self) -> &[u8; 32] {
        &self.token_sha256
    }

    /// What names the proof in a store of used ones (RFC 9449 §11.1): the key and the
    /// `jti` chosen by its holder, not the bytes, of which an ECDSA signature has two
    /// forms (token profile §13).
    pub const fn replay_key(&self) -> [u8; 32] {
        self.replay_key
    }

    /// From when on the same proof is refused for its time, and need not be
    /// remembered as used.
    pub const fn valid_until(&self) -> UnixTime {
        self.valid_until
    }
}

impl fmt::Debug for VerifiedDpopProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifiedDpopProof")
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}
