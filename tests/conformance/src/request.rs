//! Builds a request from its recipe, and what the issuers publish meanwhile.

use crate::case::{
    Case, CertificateName, IssuerName, KeysRecipe, OperationName, RequestRecipe, StatusRecipe, Step,
};
use crate::error::BuildError;
use crate::forge;
use crate::json_edit::edited;
use crate::keys::{Attacker, IssuerKeySet};
use crate::proof::{self, Moment};
use crate::settings::{Operation, Settings};
use crate::status_list;
use crate::template::Scope;
use crate::token::TokenBuilder;

/// A request as it goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireRequest {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Fields besides `host`, the body's length and `connection`; lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// SHA-256 of the certificate of the connection.
    pub certificate: Option<[u8; 32]>,
}

impl WireRequest {
    /// The values of a field.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What an issuer's key server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// A body with a status.
    Answer {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
    /// A redirect to another path of the same server, where this body is.
    Redirect {
        /// That body: a good set of the attacker's.
        body: String,
    },
    /// No answer.
    Down,
}

/// One request to send, and what must not come back.
#[derive(Debug, Clone)]
pub struct Built {
    /// The request.
    pub request: WireRequest,
    /// The token in it.
    pub token: String,
    /// Identifiers that an answer of ours never shows.
    pub identifiers: Vec<String>,
    /// Whether the token is under the scheme of `DPoP`.
    pub is_dpop: bool,
}

/// Builds every request of a corpus for one target.
#[derive(Debug)]
pub struct Builder<'a> {
    settings: &'a Settings,
    attacker: Attacker,
    client: Attacker,
    seed: Vec<u8>,
}

impl<'a> Builder<'a> {
    /// A builder for a target. The same seed, keys and time give the same requests.
    pub fn new(settings: &'a Settings, seed: &[u8]) -> Self {
        Self {
            settings,
            attacker: Attacker::new(seed),
            client: Attacker::new(&[seed, b"/client"].concat()),
            seed: seed.to_vec(),
        }
    }

    /// The target's settings.
    pub const fn settings(&self) -> &'a Settings {
        self.settings
    }

    fn tokens(&self) -> TokenBuilder<'_> {
        TokenBuilder {
            settings: self.settings,
            attacker: &self.attacker,
            client: &self.client,
            seed: &self.seed,
        }
    }

    /// The operation of that name, if the target has one.
    pub fn operation(&self, name: OperationName) -> Result<&'a Operation, BuildError> {
        let operations = &self.settings.operations;
        let (operation, what) = match name {
            OperationName::Path => (&operations.path, "operation with the person in the path"),
            OperationName::Body => (&operations.body, "operation with the person in the body"),
            OperationName::Second => (&operations.second, "operation of the second issuer"),
            OperationName::Statutory => (&operations.statutory, "statutory operation"),
        };
        operation.as_ref().ok_or(BuildError::Lacks { what })
    }

    /// The request of a step, the `number`th time, at `now`. `nonce` is the one that the target
    /// gave for proofs.
    pub fn build(
        &self,
        case: &Case,
        place: usize,
        step: &Step,
        number: u32,
        (now, nonce): (u64, Option<&str>),
    ) -> Result<Built, BuildError> {
        let mark = format!("{}/{place}/{number}", case.id);
        let tokens = self.tokens();
        let token = tokens.build(&step.token, &mark, now, number)?;
        let mut scope = tokens.scope(now, number);
        scope.text("token", &token.text);
        let mut texts = step.request.headers.iter().map(|(_, value)| value.as_str());
        if texts.any(|text| text.contains("Certificate}")) {
            tokens.name_certificates(&mut scope)?;
        }
        let mut request = self.request(&step.request, scope)?;
        if let Some(recipe) = &step.proof {
            let moment = Moment {
                mark: &mark,
                now,
                number,
                nonce,
            };
            let fields = proof::fields(&tokens, recipe, &token.text, &request, &moment)?;
            let fields = fields.into_iter().map(|field| ("dpop".to_owned(), field));
            request.headers.extend(fields);
        }
        let mut identifiers = token.identifiers;
        identifiers.push(self.settings.person.ssin.clone());
        identifiers.push(self.settings.other_person.ssin.clone());
        let is_dpop = request
            .header("authorization")
            .any(|value| value.to_ascii_lowercase().starts_with("dpop "));
        Ok(Built {
            request,
            token: token.text,
            identifiers,
            is_dpop,
        })
    }

    fn request(&self, recipe: &RequestRecipe, mut scope: Scope) -> Result<WireRequest, BuildError> {
        let operation = self.operation(recipe.operation)?;
        let ssin = match &recipe.ssin {
            Some(text) => scope.expand(text)?,
            None => self.settings.person.ssin.clone(),
        };
        let path = operation.path.replace("{ssin}", &ssin);
        scope.text("path", &path);
        scope.text("pathUpper", path.to_uppercase());
        let (head, tail) = path.rsplit_once('/').unwrap_or_default();
        scope.text("pathHead", head);
        scope.text("pathTail", tail);
        let first = tail.as_bytes().first().copied().unwrap_or(b'%');
        let rest = tail.get(1..).unwrap_or_default();
        scope.text("pathTailEncoded", format!("%{first:02x}{rest}"));
        scope.text("method", &operation.method);
        let target = match &recipe.target {
            Some(text) => scope.expand(text)?,
            None => path,
        };
        let body = operation
            .body
            .as_ref()
            .map(|body| body.replace("{ssin}", &ssin));
        scope.text("body", body.clone().unwrap_or_default());
        let body = match &recipe.body {
            Some(text) => Some(scope.expand(text)?),
            None => body,
        };
        let mut headers = Vec::new();
        let bearer = ["Bearer ${token}".to_owned()];
        for value in recipe.authorization.as_deref().unwrap_or(&bearer) {
            headers.push(("authorization".to_owned(), scope.expand(value)?));
        }
        match (&recipe.content_type, &body) {
            (Some(name), _) if name.is_empty() => {}
            (Some(name), _) => headers.push(("content-type".to_owned(), name.clone())),
            (None, Some(_)) => {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            (None, None) => {}
        }
        for (name, value) in &recipe.headers {
            headers.push((name.to_ascii_lowercase(), scope.expand(value)?));
        }
        Ok(WireRequest {
            method: recipe
                .method
                .clone()
                .unwrap_or_else(|| operation.method.clone()),
            target,
            headers,
            body: body.map(String::into_bytes),
            certificate: match recipe.certificate {
                None => None,
                Some(CertificateName::Client) => Some(forge::certificate::digest(&self.client)?),
                Some(CertificateName::Attacker) => {
                    Some(forge::certificate::digest(&self.attacker)?)
                }
            },
        })
    }

    /// The keys of an issuer.
    pub fn issuer_keys(&self, name: IssuerName) -> Result<&'a IssuerKeySet, BuildError> {
        match (name, &self.settings.second_issuer) {
            (IssuerName::First, _) => Ok(&self.settings.issuer.keys),
            (IssuerName::Second, Some(second)) => Ok(&second.keys),
            (IssuerName::Second, None) => Err(BuildError::Lacks {
                what: "second issuer",
            }),
        }
    }

    /// Where the status list of a case is, and what is there by a recipe.
    pub fn status_list(
        &self,
        case: &Case,
        recipe: &StatusRecipe,
        now: u64,
    ) -> Result<(String, Publication), BuildError> {
        status_list::publication(&self.tokens(), &case.id, recipe, now)
    }

    /// What the issuer's key server answers by a recipe.
    pub fn publication(&self, recipe: &KeysRecipe) -> Result<Publication, BuildError> {
        if recipe.down {
            return Ok(Publication::Down);
        }
        let mut set = self.issuer_keys(recipe.issuer)?.public_set();
        let mut scope = self.tokens().scope(0, 0);
        if let Some(which) = recipe.weak
            && let Some(serde_json::Value::Array(keys)) = set.get_mut("keys")
        {
            keys.push(forge::weak::jwk(which, &self.attacker)?);
        }
        let names = |wanted: &str| {
            recipe
                .edits
                .values()
                .chain(&recipe.text)
                .any(|text| text.contains(wanted))
        };
        if names("${attackerJwk}") || recipe.redirect {
            let key = self.attacker.key(sluis_token::Algorithm::EdDsa)?;
            scope.text("attackerJwk", key.public_jwk().to_string());
            scope.text("attackerPrivateJwk", key.private_jwk().to_string());
        }
        let private = self.issuer_keys(recipe.issuer)?;
        if names("${privateMember}") {
            let key = private.get(sluis_token::Algorithm::EdDsa)?;
            let d = key.private_jwk().get("d").cloned().unwrap_or_default();
            scope.text("privateMember", d.to_string());
        }
        let mut body = edited(&set, &recipe.edits, &scope)?;
        scope.text("set", &body);
        if let Some(text) = &recipe.text {
            body = scope.expand(text)?;
        }
        if recipe.redirect {
            let body = format!(
                "{{\"keys\":[{}]}}",
                scope.get("attackerJwk").unwrap_or_default()
            );
            return Ok(Publication::Redirect { body });
        }
        Ok(Publication::Answer {
            status: recipe.status.unwrap_or(200),
            body,
        })
    }
}
