//! What a verifier says of a token, in words that rules can name.

use anyhow::{Context, Result};
use sluis_token::{
    AccessToken, BearerError, ClaimsError, FieldError, HeaderError, ParseError, Presented,
    UntrustedToken, VerifyError,
};

use crate::party::{AUDIENCE, Party};

/// Accepted, or refused for a reason.
pub(crate) type Verdict = Result<(), String>;

/// The name of a verdict: `accepted`, or the reason.
pub(crate) fn name(verdict: &Verdict) -> &str {
    match verdict {
        Ok(()) => "accepted",
        Err(reason) => reason,
    }
}

/// Ours: the whole way of a bearer token, up to the binding to its sender. The reason is the
/// reason code, and the member where it is about one: `memberWrongType aud`.
pub(crate) fn ours(party: &Party, text: &str) -> Verdict {
    let token = AccessToken::parse(text).map_err(|error: BearerError| error.code().to_owned())?;
    let untrusted = UntrustedToken::parse(&token).map_err(|error| {
        let code = error.code();
        match error {
            ParseError::Header(HeaderError::Parameter(field)) => with_member(code, field),
            ParseError::Header(HeaderError::ForbiddenParameter { parameter }) => {
                format!("{code} {parameter}")
            }
            ParseError::Compact(_) | ParseError::Header(_) | ParseError::Issuer(_) => {
                code.to_owned()
            }
        }
    })?;
    let verified = untrusted
        .verify_locally(&party.keys, AUDIENCE, party.now)
        .map_err(|error| {
            let code = error.code();
            match error {
                VerifyError::Unacceptable(ClaimsError::Claim(field)) => with_member(code, field),
                VerifyError::UnknownKey { .. }
                | VerifyError::NotAuthentic(_)
                | VerifyError::Unavailable { .. }
                | VerifyError::Unacceptable(_) => code.to_owned(),
            }
        })?;
    let presented = Presented {
        scheme: token.scheme(),
        proof: None,
        certificate: None,
    };
    match verified.bind(&presented) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code().to_owned()),
    }
}

fn with_member(code: &str, field: FieldError) -> String {
    format!("{code} {}", field.member)
}

/// The library `jsonwebtoken`, used as its documentation shows: the key is looked up by `kid`
/// and fixes the algorithm; `iss`, `aud`, `exp` and `sub` must be there.
pub(crate) struct JsonWebToken {
    keys: jsonwebtoken::jwk::JwkSet,
}

impl JsonWebToken {
    pub(crate) fn new(jwks: &str) -> Result<Self> {
        Ok(Self {
            keys: serde_json::from_str(jwks).context("the key set")?,
        })
    }

    pub(crate) fn judge(&self, text: &str) -> Verdict {
        self.decode(text).map_err(|error| {
            let kind = error.kind();
            // Of JSON not where in the text it is, nor what else there could be.
            if let jsonwebtoken::errors::ErrorKind::Json(error) = kind {
                let text = error.to_string();
                let end = text.find(", expected").or_else(|| text.find(" at line"));
                let start = text.get(..end.unwrap_or(text.len()));
                return format!("Json: {}", start.unwrap_or(&text));
            }
            format!("{kind:?}")
        })
    }

    fn decode(&self, text: &str) -> jsonwebtoken::errors::Result<()> {
        use jsonwebtoken::errors::ErrorKind;
        let header = jsonwebtoken::decode_header(text)?;
        let key_id = header.kid.ok_or(ErrorKind::InvalidToken)?;
        let jwk = self.keys.find(&key_id).ok_or(ErrorKind::InvalidKeyFormat)?;
        let algorithm = jwk
            .common
            .key_algorithm
            .ok_or(ErrorKind::InvalidAlgorithm)?;
        let algorithm = algorithm.to_string().parse::<jsonwebtoken::Algorithm>()?;
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk)?;
        let validation = validation(algorithm);
        jsonwebtoken::decode::<serde_json::Value>(text, &key, &validation).map(drop)
    }
}

/// Its clock is the machine's. With these two numbers it compares `exp` with `NOW` − `SKEW`
/// and `nbf` with `NOW` + `SKEW` all the same: the leeway takes its clock out, and the second
/// puts ours in.
fn validation(algorithm: jsonwebtoken::Algorithm) -> jsonwebtoken::Validation {
    use crate::party::{ISSUER, NOW, SKEW};
    let clock = jsonwebtoken::get_current_timestamp();
    let mut validation = jsonwebtoken::Validation::new(algorithm);
    validation.leeway = NOW + SKEW - clock;
    validation.reject_tokens_expiring_in_less_than = NOW - SKEW - clock + validation.leeway;
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
}
