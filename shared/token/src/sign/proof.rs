//! Making DPoP proofs (RFC 9449 §4.2).

use serde_json::json;

use super::{SignError, SigningKey};
use crate::base64url;
use crate::bearer::AccessToken;
use crate::time::UnixTime;

/// What a client says in a proof.
#[derive(Debug, Clone, Copy)]
pub struct ProofClaims<'a> {
    /// `jti`: a name that this key never gave to another proof.
    pub proof_id: &'a str,
    /// `htm`
    pub method: &'a str,
    /// `htu`, without query and fragment.
    pub url: &'a str,
    /// `iat`
    pub issued_at: UnixTime,
    /// The token that goes with the proof, whose hash is `ath`.
    pub access_token: Option<&'a AccessToken>,
    /// `nonce`, as the server gave it.
    pub nonce: Option<&'a str>,
}

impl SigningKey {
    /// A proof by this key, which it brings along.
    pub fn sign_dpop_proof(&self, claims: &ProofClaims<'_>) -> Result<String, SignError> {
        let mut payload = json!({
            "jti": claims.proof_id,
            "htm": claims.method,
            "htu": claims.url,
            "iat": claims.issued_at.as_seconds(),
        });
        let optional = [
            (
                "ath",
                claims
                    .access_token
                    .map(|token| base64url::encode(&token.sha256())),
            ),
            ("nonce", claims.nonce.map(str::to_owned)),
        ];
        if let Some(members) = payload.as_object_mut() {
            for (name, value) in optional {
                members.extend(value.map(|value| (name.to_owned(), value.into())));
            }
        }
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"{}","jwk":{}}}"#,
            self.algorithm(),
            self.public_key().to_jwk_json()
        );
        self.sign_compact(header.as_bytes(), payload.to_string().as_bytes())
    }

    /// A token of any header and payload: the caller answers for what they say.
    pub fn sign_compact(&self, header: &[u8], payload: &[u8]) -> Result<String, SignError> {
        let input = format!(
            "{}.{}",
            base64url::encode(header),
            base64url::encode(payload)
        );
        let signature = self.sign_bytes(input.as_bytes())?;
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }
}
