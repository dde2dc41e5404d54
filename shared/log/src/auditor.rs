//! Who may read the log, what for, and for how long (M-25.1).
//!
//! The deployment has an auditor key. Whoever holds it makes tokens off line, one for
//! each auditor and each reason to read; the gate checks them without asking anybody.
//! A token is a compact JWS (RFC 7515 §3.1) under HS256 with one header only, so there
//! is no algorithm to pick. A token without a purpose opens what is published, which
//! holds nothing personal; the records of accesses want one.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::chain::Origin;
use crate::hash::{HASH_BYTES, HmacKey, base64url, from_base64url};
use crate::names::names;
use crate::time::UnixMillis;
use crate::trace::holds_ssin;

/// Longest auditor token, in bytes.
pub const MAX_AUDITOR_TOKEN_BYTES: usize = 1024;
/// Longest name of an auditor, and longest reference, in bytes.
pub const MAX_AUDITOR_TEXT_BYTES: usize = 64;
/// Longest validity of a token, in seconds: an audit takes weeks, and nobody takes a token back.
pub const MAX_AUDITOR_TOKEN_SECONDS: u64 = 31 * 86_400;
/// How far the clock of who made a token may be ahead, in seconds.
const CLOCK_TOLERANCE_SECONDS: u64 = 60;
/// RFC 7515 §4.1: the algorithm, and a type of its own so that no other token is taken for one (RFC 8725 §3.11).
const HEADER: &str = r#"{"alg":"HS256","typ":"sluis-auditor+jwt"}"#;

names! {
    /// Why records of accesses are read.
    ReadingPurpose {
        /// An audit by a data protection officer (M-25.1).
        Audit = "audit",
        /// A complaint or question of somebody (M-21.5).
        Complaint = "complaint",
        /// The data subject wants to see the use that was made of its data (M-10.2).
        DataSubjectRequest = "dataSubjectRequest",
        /// A supervisory body investigates (M-21.5, M-25.1).
        Supervision = "supervision",
        /// A security incident (M-20.1).
        SecurityIncident = "securityIncident",
    }
}

impl ReadingPurpose {
    /// Whether there is a case that the reading is for, which the token must name.
    pub const fn needs_reference(self) -> bool {
        match self {
            Self::Audit => false,
            Self::Complaint
            | Self::DataSubjectRequest
            | Self::Supervision
            | Self::SecurityIncident => true,
        }
    }
}

/// What a token would say that none may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuditorGrantError {
    /// The name or the reference is of another form. Never says what it holds.
    #[error("{0}: expected 1 to {MAX_AUDITOR_TEXT_BYTES} of A-Z a-z 0-9 . _ - /")]
    Form(&'static str),
    /// A national number.
    #[error("{0}: a national number is not taken into the log")]
    NationalNumber(&'static str),
    /// A purpose that is of a case, and no case.
    #[error("the purpose {0} needs the reference of the case")]
    ReferenceMissing(ReadingPurpose),
    /// A case without a purpose.
    #[error("a reference is of a purpose, and there is none")]
    ReferenceWithoutPurpose,
    /// Valid for no time, or for longer than [`MAX_AUDITOR_TOKEN_SECONDS`].
    #[error("{seconds} seconds: expected 1 to {MAX_AUDITOR_TOKEN_SECONDS}")]
    Validity {
        /// For how long.
        seconds: u64,
    },
}

/// Why a token opens nothing. Never says what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuditorTokenError {
    /// Longer than [`MAX_AUDITOR_TOKEN_BYTES`], or of another form.
    #[error("no token of an auditor")]
    Malformed,
    /// Not made with this key.
    #[error("made with another key")]
    Signature,
    /// It says what none may say.
    #[error(transparent)]
    Grant(#[from] AuditorGrantError),
    /// For another log.
    #[error("for another log")]
    OtherLog,
    /// Made in the future.
    #[error("made in the future")]
    NotYet,
    /// No longer valid.
    #[error("no longer valid")]
    Expired,
}

/// Who reads and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditorGrant {
    auditor: String,
    purpose: Option<ReadingPurpose>,
    reference: Option<String>,
}

impl AuditorGrant {
    /// A grant for that auditor, a role or an office and no person's name.
    pub fn new(
        auditor: &str,
        purpose: Option<ReadingPurpose>,
        reference: Option<&str>,
    ) -> Result<Self, AuditorGrantError> {
        let reference = reference.map(|text| plain("reference", text)).transpose()?;
        match purpose {
            Some(purpose) if purpose.needs_reference() && reference.is_none() => {
                return Err(AuditorGrantError::ReferenceMissing(purpose));
            }
            None if reference.is_some() => return Err(AuditorGrantError::ReferenceWithoutPurpose),
            Some(_) | None => {}
        }
        Ok(Self {
            auditor: plain("auditor", auditor)?,
            purpose,
            reference,
        })
    }

    /// Who reads.
    pub fn auditor(&self) -> &str {
        &self.auditor
    }

    /// What for; nothing opens no records.
    pub const fn purpose(&self) -> Option<ReadingPurpose> {
        self.purpose
    }

    /// The case, as its owner numbers it.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }
}

/// A text that may stand in a record: short, plain, and no person's number.
fn plain(name: &'static str, text: &str) -> Result<String, AuditorGrantError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    if text.is_empty() || text.len() > MAX_AUDITOR_TEXT_BYTES || !text.bytes().all(allowed) {
        return Err(AuditorGrantError::Form(name));
    }
    if holds_ssin(text) {
        return Err(AuditorGrantError::NationalNumber(name));
    }
    Ok(text.to_owned())
}

/// The claims (RFC 7519 §4.1), in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    aud: String,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    iat: u64,
    exp: u64,
}

/// A token that was checked: made with the key, for this log, and valid now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAuditor(AuditorGrant);

impl VerifiedAuditor {
    /// Who reads and what for.
    pub const fn grant(&self) -> &AuditorGrant {
        &self.0
    }
}

/// The key that makes and checks tokens.
pub struct AuditorKey(HmacKey);

/// Why a text is no auditor key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the auditor key is not {HASH_BYTES} bytes in base64url without padding")]
pub struct AuditorKeyError;

impl fmt::Debug for AuditorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditorKey(..)")
    }
}

impl AuditorKey {
    /// Takes thirty-two secret bytes.
    pub fn new(key: &[u8; HASH_BYTES]) -> Self {
        Self(HmacKey::new(key))
    }

    /// Takes thirty-two secret bytes in base64url without padding.
    pub fn from_base64url(text: &str) -> Result<Self, AuditorKeyError> {
        let bytes = Zeroizing::new(from_base64url(text).ok_or(AuditorKeyError)?);
        let key = Zeroizing::new(
            <[u8; HASH_BYTES]>::try_from(bytes.as_slice()).map_err(|_| AuditorKeyError)?,
        );
        Ok(Self::new(&key))
    }

    /// A token for the log of that origin, valid for so many seconds from then on.
    pub fn mint(
        &self,
        grant: &AuditorGrant,
        log: &Origin,
        from: UnixMillis,
        seconds: u64,
    ) -> Result<String, AuditorGrantError> {
        if seconds == 0 || seconds > MAX_AUDITOR_TOKEN_SECONDS {
            return Err(AuditorGrantError::Validity { seconds });
        }
        let iat = from.as_millis() / 1000;
        let claims = Claims {
            aud: log.as_str().to_owned(),
            sub: grant.auditor.clone(),
            purpose: grant.purpose.map(|purpose| purpose.as_str().to_owned()),
            reference: grant.reference.clone(),
            iat,
            exp: iat.saturating_add(seconds),
        };
        // Only a map with non-text keys could fail to serialise; there is none.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let signed = format!("{}.{}", base64url(HEADER.as_bytes()), base64url(&claims));
        let tag = self.0.mac(&[signed.as_bytes()]);
        Ok(format!("{signed}.{}", base64url(&tag)))
    }

    /// Checks a token (RFC 7515 §5.2, RFC 7519 §7.2): first who made it, then what it says.
    pub fn verify(
        &self,
        token: &str,
        log: &Origin,
        now: UnixMillis,
    ) -> Result<VerifiedAuditor, AuditorTokenError> {
        let malformed = || AuditorTokenError::Malformed;
        if token.len() > MAX_AUDITOR_TOKEN_BYTES {
            return Err(malformed());
        }
        let (signed, tag) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        // One header, in one spelling: nothing of it is read.
        if header != base64url(HEADER.as_bytes()) {
            return Err(malformed());
        }
        let tag = from_base64url(tag).ok_or_else(malformed)?;
        let expected = self.0.mac(&[signed.as_bytes()]);
        if !bool::from(expected.as_slice().ct_eq(&tag)) {
            return Err(AuditorTokenError::Signature);
        }
        let claims = from_base64url(claims).ok_or_else(malformed)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| malformed())?;
        if claims.aud != log.as_str() {
            return Err(AuditorTokenError::OtherLog);
        }
        let purpose = match claims.purpose.as_deref() {
            None => None,
            Some(name) => Some(ReadingPurpose::parse(name).ok_or_else(malformed)?),
        };
        let grant = AuditorGrant::new(&claims.sub, purpose, claims.reference.as_deref())?;
        let now = now.as_millis() / 1000;
        let seconds = claims.exp.saturating_sub(claims.iat);
        if seconds == 0 || seconds > MAX_AUDITOR_TOKEN_SECONDS {
            return Err(AuditorGrantError::Validity { seconds }.into());
        }
        if claims.iat > now.saturating_add(CLOCK_TOLERANCE_SECONDS) {
            return Err(AuditorTokenError::NotYet);
        }
        if claims.exp <= now {
            return Err(AuditorTokenError::Expired);
        }
        Ok(VerifiedAuditor(grant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_790_000_000;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis::new(seconds * 1000).unwrap()
    }

    fn log() -> Origin {
        Origin::parse("validator.example.be/log").unwrap()
    }

    fn grant() -> AuditorGrant {
        let purpose = Some(ReadingPurpose::Complaint);
        AuditorGrant::new("dpo", purpose, Some("SIM/2026/42")).unwrap()
    }

    /// A token of these bytes, made with the key.
    fn signed(key: &AuditorKey, header: &str, claims: &str) -> String {
        let text = format!(
            "{}.{}",
            base64url(header.as_bytes()),
            base64url(claims.as_bytes())
        );
        let tag = base64url(&key.0.mac(&[text.as_bytes()]));
        format!("{text}.{tag}")
    }

    #[test]
    fn a_token_opens_this_log_while_it_is_valid() {
        let key = AuditorKey::new(&[7; 32]);
        let token = key.mint(&grant(), &log(), at(NOW_S), 600).unwrap();
        let verify = |seconds| key.verify(&token, &log(), at(seconds));
        for seconds in [NOW_S, NOW_S + 599, NOW_S - CLOCK_TOLERANCE_SECONDS] {
            assert_eq!(verify(seconds).unwrap().grant(), &grant(), "{seconds}");
        }
        assert_eq!(verify(NOW_S + 600), Err(AuditorTokenError::Expired));
        let early = NOW_S - CLOCK_TOLERANCE_SECONDS - 1;
        assert_eq!(verify(early), Err(AuditorTokenError::NotYet));
        let other = Origin::parse("validator.example.be/log/1").unwrap();
        assert_eq!(
            key.verify(&token, &other, at(NOW_S)),
            Err(AuditorTokenError::OtherLog)
        );
        let stranger = AuditorKey::new(&[8; 32]);
        assert_eq!(
            stranger.verify(&token, &log(), at(NOW_S)),
            Err(AuditorTokenError::Signature)
        );
        assert_eq!(format!("{key:?}"), "AuditorKey(..)");
    }

    #[test]
    fn no_changed_byte_of_a_token_passes() {
        let key = AuditorKey::new(&[7; 32]);
        let token = key.mint(&grant(), &log(), at(NOW_S), 600).unwrap();
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(key.verify(&changed, &log(), at(NOW_S)).is_err(), "{place}");
            assert!(key.verify(&token[..place], &log(), at(NOW_S)).is_err());
        }
        let long = format!("{token}{}", "A".repeat(MAX_AUDITOR_TOKEN_BYTES));
        assert_eq!(
            key.verify(&long, &log(), at(NOW_S)),
            Err(AuditorTokenError::Malformed)
        );
    }

    #[test]
    fn what_the_key_signed_is_read_strictly_all_the_same() {
        let key = AuditorKey::new(&[7; 32]);
        let log_name = log();
        let aud = log_name.as_str();
        let (iat, exp) = (NOW_S, NOW_S + 600);
        let claims =
            format!(r#"{{"aud":"{aud}","sub":"dpo","purpose":"audit","iat":{iat},"exp":{exp}}}"#);
        let verify = |header: &str, claims: &str| {
            key.verify(&signed(&key, header, claims), &log(), at(NOW_S))
        };
        assert!(verify(HEADER, &claims).is_ok());
        for header in [
            r#"{"alg":"none","typ":"sluis-auditor+jwt"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"typ":"sluis-auditor+jwt","alg":"HS256"}"#,
        ] {
            assert_eq!(verify(header, &claims), Err(AuditorTokenError::Malformed));
        }
        for (from, to) in [
            (r#""audit""#, r#""curiosity""#),
            (r#""sub""#, r#""other""#),
            (r#""sub":"dpo""#, r#""sub":"dpo","sub":"dpo""#),
            (r#""sub":"dpo""#, r#""sub":"dpo","scope":"all""#),
            (r#""sub":"dpo""#, r#""sub":"Jan Peeters""#),
            (r#""sub":"dpo""#, r#""sub":"53.48.02-007.24""#),
            (r#""audit""#, r#""complaint""#),
            (r#""purpose":"audit""#, r#""reference":"x""#),
            (&format!(r#""exp":{exp}"#), r#""exp":1e300"#),
            (&format!(r#""exp":{exp}"#), r#""exp":99999999999"#),
            (&format!(r#""exp":{exp}"#), &format!(r#""exp":{iat}"#)),
        ] {
            let changed = claims.replace(from, to);
            assert_ne!(changed, claims, "{from}");
            assert!(verify(HEADER, &changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_case_has_a_reference_and_nobody_is_named() {
        let new = AuditorGrant::new;
        let complaint = Some(ReadingPurpose::Complaint);
        assert_eq!(
            new("dpo", complaint, None),
            Err(AuditorGrantError::ReferenceMissing(
                ReadingPurpose::Complaint
            ))
        );
        assert_eq!(
            new("dpo", None, Some("x")),
            Err(AuditorGrantError::ReferenceWithoutPurpose)
        );
        assert!(new("monitor", None, None).is_ok());
        assert!(new("dpo", Some(ReadingPurpose::Audit), None).is_ok());
        for number in [
            "53480200724",
            "53.48.02-007.24",
            "case-53480200724",
            "a/53480200724/b",
        ] {
            assert_eq!(
                new("dpo", complaint, Some(number)),
                Err(AuditorGrantError::NationalNumber("reference")),
                "{number}"
            );
        }
        let key = AuditorKey::new(&[7; 32]);
        for seconds in [0, MAX_AUDITOR_TOKEN_SECONDS + 1] {
            assert_eq!(
                key.mint(&grant(), &log(), at(NOW_S), seconds),
                Err(AuditorGrantError::Validity { seconds })
            );
        }
    }
}
