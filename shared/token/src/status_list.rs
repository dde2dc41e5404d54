//! Token Status List: whether a token was revoked or suspended since it was issued
//! (draft-ietf-oauth-status-list; token profile §24).
//!
//! Fetching a list, from an allowed place only, and how old it may be are the gate's.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::authentic::{AuthenticityError, Doubt, check_signature, ready, resolve};
use crate::base64url::{self, Base64UrlError};
use crate::claims::MAX_IDENTIFIER_BYTES;
use crate::compact::{Compact, CompactError, Part, Signed, object};
use crate::fields::{Fault, FieldError, Fields};
use crate::header::{Header, HeaderError};
use crate::inflate::{InflateError, inflate};
use crate::issuer::IssuerKeys;
use crate::json::Object;
use crate::key_rules::KeyId;
use crate::time::UnixTime;
use crate::verifier::{LocalVerifier, SignatureVerifier};

/// Largest status list token that is read.
pub const MAX_STATUS_LIST_BYTES: usize = 1024 * 1024;

/// Most bytes that a list may have when it is decompressed: one bit for each of 32
/// million tokens. Bounds what a short list can make of our memory (§4.1, §11.3).
pub const MAX_STATUS_LIST_INFLATED_BYTES: usize = 4 * 1024 * 1024;

/// Longest that a list without `exp` is in force, in seconds after its `iat`: whoever
/// serves lists could otherwise bring one back for ever from before a revocation. A list
/// with `exp` bounds itself.
pub const MAX_STATUS_LIST_AGE_SECONDS: u64 = 24 * 60 * 60;

/// `typ` of a status list token (§5.1).
const LIST_TYPE: &str = "statuslist+jwt";

/// Why a status list is not used, or has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatusListError {
    /// Larger than [`MAX_STATUS_LIST_BYTES`].
    #[error("a status list of {bytes} bytes, more than {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// No JWT.
    #[error("status list: {0}")]
    Malformed(#[from] CompactError),
    /// Its header.
    #[error("status list: {0}")]
    Header(#[from] HeaderError),
    /// The issuer has no key of that id; it may have a new set.
    #[error("status list: none of the issuer's {keys} keys has that id")]
    UnknownKey {
        /// How many keys the issuer has.
        keys: usize,
    },
    /// The issuer did not sign it.
    #[error("status list: {0}")]
    NotAuthentic(AuthenticityError),
    /// No verdict could be had.
    #[error("status list: no verdict: {operation}")]
    Unavailable {
        /// What could not be done.
        operation: &'static str,
    },
    /// A claim is missing, of a wrong type or malformed (§5.1).
    #[error("status list: claim {0}")]
    Claim(FieldError),
    /// `sub` is not the URI where the list was got (§8.3).
    #[error("the status list of another URI")]
    UriMismatch,
    /// `iss` is there and another one than the token's.
    #[error("the status list of another issuer")]
    IssuerMismatch,
    /// `exp` is past (§8.3), or [`MAX_STATUS_LIST_AGE_SECONDS`] after `iat` without one.
    #[error("the status list expired at {at}, now {now}")]
    Expired {
        /// The `exp` claim, or the end of that time.
        at: UnixTime,
        /// The time of the request.
        now: UnixTime,
    },
    /// `iat` is after `now` plus the allowed skew.
    #[error("the status list was issued at {at}, now {now}")]
    IssuedInFuture {
        /// The `iat` claim.
        at: UnixTime,
        /// The time of the request.
        now: UnixTime,
    },
    /// `bits` is not 1, 2, 4 or 8 (§4.2).
    #[error("a status list of {bits} bits a token")]
    Bits {
        /// The `bits` member.
        bits: u64,
    },
    /// `lst` is not canonical base64url.
    #[error("status list: {0}")]
    Encoding(Base64UrlError),
    /// `lst` is not a compressed list of a bounded size (§4.1).
    #[error("status list: {0}")]
    Compression(InflateError),
    /// The list has no entry of that index (§8.3).
    #[error("index {index} of a status list with {entries} entries")]
    IndexOutOfRange {
        /// The index.
        index: u64,
        /// How many entries the list has.
        entries: u64,
    },
}

impl StatusListError {
    /// The stable reason code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "statusListTooLarge",
            Self::Malformed(_) => "statusListMalformed",
            Self::Header(_) => "statusListHeaderInvalid",
            Self::UnknownKey { .. } => "statusListKeyUnknown",
            Self::NotAuthentic(_) => "statusListNotAuthentic",
            Self::Unavailable { .. } => "verifierUnavailable",
            Self::Claim(_) => "statusListClaimInvalid",
            Self::UriMismatch => "statusListUriMismatch",
            Self::IssuerMismatch => "statusListIssuerMismatch",
            Self::Expired { .. } => "statusListExpired",
            Self::IssuedInFuture { .. } => "statusListIssuedInFuture",
            Self::Bits { .. } => "statusListBits",
            Self::Encoding(_) => "statusListEncoding",
            Self::Compression(_) => "statusListCompression",
            Self::IndexOutOfRange { .. } => "statusIndexOutOfRange",
        }
    }
}

impl From<FieldError> for StatusListError {
    fn from(error: FieldError) -> Self {
        Self::Claim(error)
    }
}

impl From<Doubt> for StatusListError {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::UnknownKey { keys } => Self::UnknownKey { keys },
            Doubt::NotAuthentic(error) => Self::NotAuthentic(error),
            Doubt::Unavailable { operation } => Self::Unavailable { operation },
        }
    }
}

/// A status list token that was read, of which nothing is believed yet.
pub struct UntrustedStatusList {
    signed: Signed,
    header: Header,
    /// What the payload says, or what is wrong with it: told only once the signature
    /// held. The list itself is still compressed.
    claims: Result<ListClaims, StatusListError>,
}

struct ListClaims {
    uri: Box<str>,
    issuer: Option<Box<str>>,
    issued_at: UnixTime,
    expires_at: Option<UnixTime>,
    ttl_seconds: Option<u64>,
    bits: u8,
    compressed: Vec<u8>,
}

impl UntrustedStatusList {
    /// Reads a status list token as it was fetched. Line breaks around it are no part
    /// of it.
    pub fn parse(document: &[u8]) -> Result<Self, StatusListError> {
        if document.len() > MAX_STATUS_LIST_BYTES {
            return Err(StatusListError::TooLarge {
                bytes: document.len(),
                limit: MAX_STATUS_LIST_BYTES,
            });
        }
        let text = std::str::from_utf8(document)
            .map_err(|_| CompactError::NotThreeParts)?
            .trim_matches(['\r', '\n']);
        let parts = Compact::split(text)?;
        let header_bytes = parts.decode(Part::Header)?;
        let header = Header::parse(&object(Part::Header, &header_bytes)?, LIST_TYPE)?;
        let signature = parts.decode(Part::Signature)?;
        let payload_bytes = parts.decode(Part::Payload)?;
        let claims = ListClaims::parse(&object(Part::Payload, &payload_bytes)?);
        Ok(Self {
            signed: Signed {
                text: Arc::from(text),
                signature,
            },
            header,
            claims,
        })
    }

    /// The key that the list names, among the keys of the issuer.
    pub const fn key_id(&self) -> &KeyId {
        &self.header.key_id
    }

    /// The algorithm that the list names.
    pub const fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// Checks that the issuer of `keys` signed this list for `uri`, and that it is in
    /// force; then decompresses it (§8.3, steps 3 and 4).
    pub async fn verify<V: SignatureVerifier>(
        self,
        keys: &IssuerKeys,
        uri: &str,
        verifier: &V,
        now: UnixTime,
    ) -> Result<StatusList, StatusListError> {
        let key = resolve(keys, self.algorithm(), self.key_id())?;
        check_signature(verifier, key, &self.signed).await?;

        // INVARIANT: the signature held. Only now does what the list says count, and
        // only now is it decompressed.
        let claims = self.claims?;
        if *claims.uri != *uri {
            return Err(StatusListError::UriMismatch);
        }
        let rules = keys.rules();
        if claims
            .issuer
            .as_deref()
            .is_some_and(|issuer| *issuer != *rules.issuer())
        {
            return Err(StatusListError::IssuerMismatch);
        }
        let skew = rules.clock_skew_seconds();
        if claims.issued_at > now.saturating_add(skew) {
            return Err(StatusListError::IssuedInFuture {
                at: claims.issued_at,
                now,
            });
        }
        let in_force_until = claims
            .expires_at
            .unwrap_or_else(|| claims.issued_at.saturating_add(MAX_STATUS_LIST_AGE_SECONDS));
        check_expiry(in_force_until, skew, now)?;
        let statuses = inflate(&claims.compressed, MAX_STATUS_LIST_INFLATED_BYTES)
            .map_err(StatusListError::Compression)?;
        Ok(StatusList {
            statuses: statuses.into(),
            bits: claims.bits,
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
            in_force_until,
            ttl_seconds: claims.ttl_seconds,
            clock_skew_seconds: skew,
            key_thumbprint: key.thumbprint(),
        })
    }

    /// [`verify`](Self::verify) with the [`LocalVerifier`], without an executor: for
    /// command lines and tests.
    pub fn verify_locally(
        self,
        keys: &IssuerKeys,
        uri: &str,
        now: UnixTime,
    ) -> Result<StatusList, StatusListError> {
        ready(self.verify(keys, uri, &LocalVerifier, now)).unwrap_or(Err(
            StatusListError::Unavailable {
                operation: "localVerifier",
            },
        ))
    }
}

impl fmt::Debug for UntrustedStatusList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UntrustedStatusList")
            .field("algorithm", &self.header.algorithm)
            .finish_non_exhaustive()
    }
}

impl ListClaims {
    fn parse(payload: &Object<'_>) -> Result<Self, StatusListError> {
        let claims = Fields(payload);
        let list = claims.object("status_list")?;
        let bits = list.unsigned("status_list.bits")?;
        let Ok(bits @ (1 | 2 | 4 | 8)) = u8::try_from(bits) else {
            return Err(StatusListError::Bits { bits });
        };
        // §5.1: a positive number.
        let ttl_seconds = match claims.any("ttl") {
            None => None,
            Some(_) => match claims.unsigned("ttl")? {
                0 => return Err(FieldError::new("ttl", Fault::Malformed).into()),
                seconds => Some(seconds),
            },
        };
        let compressed = list.text("status_list.lst", MAX_STATUS_LIST_BYTES)?;
        Ok(Self {
            uri: claims.text("sub", MAX_IDENTIFIER_BYTES)?.into(),
            issuer: claims
                .optional_text("iss", MAX_IDENTIFIER_BYTES)?
                .map(Box::from),
            issued_at: claims.time("iat")?,
            expires_at: claims.optional_time("exp")?,
            ttl_seconds,
            bits,
            compressed: base64url::decode(compressed).map_err(StatusListError::Encoding)?,
        })
    }
}

fn check_expiry(at: UnixTime, skew_seconds: u64, now: UnixTime) -> Result<(), StatusListError> {
    if now >= at.saturating_add(skew_seconds) {
        return Err(StatusListError::Expired { at, now });
    }
    Ok(())
}

/// A token's status (§7.1). Only [`Valid`](Self::Valid) lets a token through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    /// `0x00`
    Valid,
    /// `0x01`: revoked, for ever.
    Invalid,
    /// `0x02`: suspended, for now.
    Suspended,
    /// Any other: for an application, or registered later. Not known here, so not valid.
    ApplicationSpecific(u8),
}

impl TokenStatus {
    const fn of(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::ApplicationSpecific(other),
        }
    }
}

/// A list whose signature, place and time were checked.
///
/// It cannot be made in another way than by [`UntrustedStatusList::verify`]:
///
/// ```compile_fail,E0451
/// let forged = sluis_token::StatusList { bits: 1, ..todo!() };
/// ```
///
/// It is kept and asked for many tokens, so it is asked with the time. A clone is cheap.
#[derive(Clone)]
pub struct StatusList {
    statuses: Arc<[u8]>,
    bits: u8,
    issued_at: UnixTime,
    expires_at: Option<UnixTime>,
    in_force_until: UnixTime,
    ttl_seconds: Option<u64>,
    clock_skew_seconds: u64,
    key_thumbprint: [u8; 32],
}

impl StatusList {
    /// The status of the token at `index`, if the list is still in force.
    pub fn status(&self, index: u64, now: UnixTime) -> Result<TokenStatus, StatusListError> {
        check_expiry(self.in_force_until, self.clock_skew_seconds, now)?;
        let out_of_range = StatusListError::IndexOutOfRange {
            index,
            entries: self.entries(),
        };
        // §4.1: the entries of a byte begin at its least significant bit.
        let entries_a_byte = u64::from(8 / self.bits);
        let byte = usize::try_from(index / entries_a_byte)
            .ok()
            .and_then(|place| self.statuses.get(place))
            .ok_or(out_of_range)?;
        let entry_in_byte = u8::try_from(index % entries_a_byte).map_err(|_| out_of_range)?;
        let mask = u8::MAX >> (8 - self.bits);
        Ok(TokenStatus::of(byte >> (entry_in_byte * self.bits) & mask))
    }

    /// Whether the list is in force still.
    pub fn is_in_force(&self, now: UnixTime) -> bool {
        check_expiry(self.in_force_until, self.clock_skew_seconds, now).is_ok()
    }

    /// How many entries the list has; the last ones may stand for no token.
    pub fn entries(&self) -> u64 {
        let bytes = u64::try_from(self.statuses.len()).unwrap_or(u64::MAX);
        bytes.saturating_mul(u64::from(8 / self.bits))
    }

    /// Bytes of memory that the list takes.
    pub fn inflated_bytes(&self) -> usize {
        self.statuses.len()
    }

    /// `iat`
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// `exp`
    pub const fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// `ttl`: for how long after it was fetched a copy need not be fetched anew.
    pub const fn ttl_seconds(&self) -> Option<u64> {
        self.ttl_seconds
    }

    /// The RFC 7638 thumbprint of the key that verified the list, so that one whose
    /// key was withdrawn can be let go.
    pub const fn key_thumbprint(&self) -> [u8; 32] {
        self.key_thumbprint
    }
}

impl fmt::Debug for StatusList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StatusList")
            .field("entries", &self.entries())
            .field("bits", &self.bits)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
