//! The token profile: an access token is parsed, its key resolved, its signature
//! and claims verified, and its sender's right to use it.
//!
//! In scope, with the numbers of the token profile:
//! - the request's one access token (§1–2), [`BearerRequest`];
//! - strict parsing (§3–10), [`UntrustedToken`];
//! - keys of configured issuers (§11–13), [`JwkSet`], [`IssuerKeys`];
//! - signature, time, issuer, audience and claims (§10–20), [`UntrustedToken::verify`],
//!   which alone yields a [`VerifiedAccessToken`];
//! - tokens seen before, [`VerifiedTokenCache`];
//! - proof of possession of what the token is bound to (§22–23), [`DpopProof`] and
//!   [`VerifiedAccessToken::bind`], which alone yields a [`BoundAccessToken`];
//! - the token's status (§24), [`UntrustedStatusList`];
//! - names under which a store keeps used proofs and tokens (§22, §25),
//!   [`VerifiedDpopProof::replay_key`] and [`VerifiedAccessToken::replay_key`];
//! - the signature layer alone, for test vectors, [`vectors`];
//! - signing, for assertions, the simulation and tests, [`sign`].
//!
//! Simulation and production (§21) are kept apart by what is configured: other
//! issuers, other keys, another audience.
//!
//! Out of scope: fetching key sets and status lists, giving out nonces, the store of
//! what was used, and whether a mandate suffices, which is the policy's to decide. No
//! I/O and no clock: `now` is an argument.
//!
//! ```
//! use sluis_token::sign::{SigningKey, jwks_json};
//! use sluis_token::{
//!     Algorithm, BearerRequest, IssuerKeys, IssuerRules, JwkSet, KeyRules, UnixTime,
//!     UntrustedToken,
//! };
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::generate(Algorithm::EdDsa)?;
//! let rules = IssuerRules::new("https://vs.example", &[Algorithm::EdDsa], 300, 30)?;
//! let set = JwkSet::parse(jwks_json([&key]).as_bytes(), &KeyRules::default())?;
//! let keys = IssuerKeys::new(rules, set);
//!
//! let claims = serde_json::json!({"iss": "https://vs.example", "aud": "https://api.example"});
//! let field = format!("Bearer {}", key.sign("at+jwt", &claims)?);
//! let token = BearerRequest { authorization: Some(&field), query: None, content_type: None }.parse()?;
//! let now = UnixTime::from_seconds(1_760_000_000).ok_or("out of range")?;
//! let refusal = UntrustedToken::parse(&token)?
//!     .verify_locally(&keys, "https://api.example", now)
//!     .unwrap_err();
//! assert!(refusal.signature_held());
//! assert_eq!(refusal.code(), "memberMissing");
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod authentic;
mod authentication_level;
mod base64url;
mod bearer;
mod binding;
mod cache;
mod claims;
mod compact;
mod confirmation;
mod document;
mod dpop;
mod dpop_error;
pub mod ed25519;
mod enterprise;
mod fields;
mod header;
mod http_uri;
mod inflate;
mod issuer;
mod jose;
mod json;
mod jwk;
mod jwk_set;
mod key_rules;
mod mandate;
mod mandate_detail;
mod pseudonym;
mod public_key;
pub mod sign;
mod ssin;
mod status_list;
mod time;
mod untrusted;
pub mod vectors;
mod verified;
mod verifier;
mod verify;

pub use algorithm::Algorithm;
pub use authentic::AuthenticityError;
pub use authentication_level::{AuthenticationLevel, FasContext};
pub use base64url::Base64UrlError;
pub use bearer::{AccessToken, AuthorizationScheme, BearerError, BearerRequest, MAX_TOKEN_BYTES};
pub use binding::{BindingError, BoundAccessToken, Presented};
pub use cache::{CachedToken, DEFAULT_CACHE_CAPACITY, VerifiedTokenCache};
pub use claims::{
    Actor, ClaimsError, MAX_AUDIENCES, MAX_CLIENT_ID_BYTES, MAX_IDENTIFIER_BYTES,
    MAX_TOKEN_ID_BYTES, StatusReference,
};
pub use compact::{CompactError, Part};
pub use confirmation::Confirmation;
pub use document::{DocumentError, MAX_BODY_DEPTH, MAX_BODY_MEMBERS, text_at_pointer};
pub use dpop::{
    DPOP_PROOF_LIFETIME_SECONDS, DpopProof, DpopRequest, MAX_DPOP_NONCE_BYTES,
    MAX_DPOP_PROOF_BYTES, MAX_DPOP_PROOF_ID_BYTES, VerifiedDpopProof,
};
pub use dpop_error::DpopError;
pub use enterprise::{EnterpriseNumber, EnterpriseNumberError};
pub use fields::{Fault, FieldError};
pub use header::{FORBIDDEN_PARAMETERS, HeaderError};
pub use inflate::InflateError;
pub use issuer::{
    IssuerKeys, IssuerRules, IssuerRulesError, MAX_CLOCK_SKEW_SECONDS, MAX_TOKEN_LIFETIME_SECONDS,
};
pub use json::{JsonError, MAX_JSON_DEPTH, MAX_JSON_MEMBERS};
pub use jwk::{Jwk, JwkError};
pub use jwk_set::{IgnoredKey, JwkSet, JwkSetError, MAX_JWKS_BYTES, MAX_JWKS_KEYS};
pub use key_rules::{KeyId, KeyRules, KeyRulesError};
pub use mandate::{
    Acceptance, Channel, ConsentItem, Grant, GrantChannel, Grantor, HolderIdentity, HolderType,
    Mandate, MandateHolder, MandateStatus, MandateUser, TokenFor, Usage,
};
pub use mandate_detail::{
    MAX_AUTHORIZATION_DETAILS, MAX_MANDATE_CODES, MAX_MANDATE_TEXT_BYTES, MandateError,
};
pub use pseudonym::{MIN_PSEUDONYM_KEY_BYTES, PseudonymError, PseudonymKey, SubjectPseudonym};
pub use public_key::{
    MAX_RSA_BITS, MAX_RSA_EXPONENT_BYTES, MIN_RSA_BITS, PublicKey, PublicKeyError,
};
pub use ssin::{Ssin, SsinError};
pub use status_list::{
    MAX_STATUS_LIST_AGE_SECONDS, MAX_STATUS_LIST_BYTES, MAX_STATUS_LIST_INFLATED_BYTES, StatusList,
    StatusListError, TokenStatus, UntrustedStatusList,
};
pub use time::{MAX_NUMERIC_DATE, UnixTime};
pub use untrusted::{ParseError, UntrustedToken};
pub use verified::VerifiedAccessToken;
pub use verifier::{CompactJws, LocalVerifier, SignatureError, SignatureVerifier};
pub use verify::VerifyError;
