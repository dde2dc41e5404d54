//! Builds a token from its recipe: claims, edits, header, signature, spelling.

use serde_json::{Value, json};
use sluis_token::Algorithm;

use crate::case::{IssuerName, PayloadEncoding, Signer, TokenRecipe};
use crate::error::BuildError;
use crate::forge;
use crate::json_edit::edited;
use crate::keys::{Attacker, PrivateKey, encode};
use crate::random::Seeded;
use crate::settings::{Holder, IssuerSettings, MandateSettings, Settings};
use crate::template::Scope;

const DAY: u64 = 86_400;
/// Life of a good token, short of every limit.
const LIFETIME_SECONDS: u64 = 240;
/// Spellings that are tried until one differs from the good one: not every text has
/// stray bits, or a character that the other base64 alphabet writes otherwise.
const MAX_PADDING: usize = 64;

/// What tokens are made with.
#[derive(Debug)]
pub struct TokenBuilder<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) attacker: &'a Attacker,
    /// The holder's own keys, for proofs.
    pub(crate) client: &'a Attacker,
    pub(crate) seed: &'a [u8],
}

/// A token, and what of it must not show anywhere.
#[derive(Debug, Clone)]
pub struct BuiltToken {
    /// The token as it is sent.
    pub text: String,
    /// Identifiers of its claims.
    pub identifiers: Vec<String>,
}

/// What a signature is made of.
pub(crate) struct Signing<'a> {
    /// The key that the token names.
    pub(crate) key: &'a PrivateKey,
    /// The key that signs.
    pub(crate) signer: &'a PrivateKey,
    /// All of the issuer's public keys, as published.
    pub(crate) set: Value,
    pub(crate) attacker: &'a Attacker,
    pub(crate) scope: &'a Scope,
    pub(crate) random: Seeded,
    /// Header and payload, with the dot.
    pub(crate) input: String,
    /// The payload's text.
    pub(crate) payload: String,
}

impl TokenBuilder<'_> {
    fn issuer(&self, name: IssuerName) -> Result<&IssuerSettings, BuildError> {
        match name {
            IssuerName::First => Ok(&self.settings.issuer),
            IssuerName::Second => self
                .settings
                .second_issuer
                .as_ref()
                .ok_or(BuildError::Lacks {
                    what: "second issuer",
                }),
        }
    }

    /// The names that every text of a case can use.
    pub(crate) fn scope(&self, now: u64, number: u32) -> Scope {
        let settings = self.settings;
        let mut scope = Scope::default();
        scope.number("now", now);
        scope.number("skew", settings.clock_skew_seconds);
        scope.number("lifetime", settings.max_token_lifetime_seconds);
        scope.text("n", number.to_string());
        scope.text("aud", &settings.audience);
        scope.text("iss", &settings.issuer.issuer);
        scope.text("ssin", &settings.person.ssin);
        scope.text("ssin2", &settings.other_person.ssin);
        scope.text("sub", &settings.person.subject);
        scope.text("sub2", &settings.other_person.subject);
        if let Some(second) = &settings.second_issuer {
            scope.text("iss2", &second.issuer);
        }
        if let Some(url) = &settings.public_url {
            scope.text("url", url);
        }
        if let Some(prefix) = &settings.status_prefix {
            scope.text("statusPrefix", prefix);
        }
        scope
    }

    /// Builds the token of `mark` (whatever tells its ids apart) at `now`.
    pub fn build(
        &self,
        recipe: &TokenRecipe,
        mark: &str,
        now: u64,
        number: u32,
    ) -> Result<BuiltToken, BuildError> {
        let mut scope = self.scope(now, number);
        let issuer = self.issuer(recipe.issuer)?;
        let algorithm = recipe.key.algorithm();
        let key = issuer.keys.get(algorithm)?;
        let attackers = || self.attacker.key(algorithm);
        let signer = match recipe.signer {
            Signer::Issuer => key,
            Signer::OtherIssuer => self.other(recipe.issuer)?.keys.get(algorithm)?,
            Signer::Attacker | Signer::AttackerOwnId => attackers()?,
        };
        let named = match recipe.signer {
            Signer::Issuer | Signer::Attacker => key,
            Signer::OtherIssuer | Signer::AttackerOwnId => signer,
        };
        scope.text("kid", named.key_id());
        self.name_others(&mut scope, algorithm, recipe)?;

        let case = mark.split('/').next().unwrap_or_default();
        if let Some(prefix) = &self.settings.status_prefix {
            scope.text("statusUri", format!("{prefix}{case}"));
        }
        let mark = recipe.mark.as_deref().unwrap_or(mark);
        let mut random = Seeded::new(self.seed, mark);
        let mut claims = self.claims(issuer, &mut random, now);
        let (token_id, mandate_id) = (
            text(&claims, "/jti"),
            text(&claims, "/authorization_details/0/mandateId"),
        );
        scope.text("jti", &token_id);
        let header = json!({"alg": algorithm.as_str(), "kid": named.key_id(), "typ": "at+jwt"});
        if let Some(mandate) = claims.pointer_mut("/authorization_details/0")
            && !recipe.mandate.is_empty()
        {
            // Raw text cannot be put back into a tree, so the mandate is marked and written last.
            let written = edited(mandate, &recipe.mandate, &scope)?;
            scope.text("mandate", written);
            *mandate = Value::from(MANDATE_MARK);
        }
        let mut built = None;
        for padding in 0..MAX_PADDING {
            let spaces = " ".repeat(padding);
            let attempt = Attempt {
                recipe,
                header: &header,
                claims: &claims,
                spaces: &spaces,
                key: named,
                signer,
                set: issuer.keys.public_set(),
            };
            built = self.spelled(&attempt, &scope, &mut random.clone())?;
            if built.is_some() {
                break;
            }
        }
        let text = built.ok_or(BuildError::Forgery {
            forgery: "written",
            problem: "no spelling that differs",
        })?;
        Ok(BuiltToken {
            text,
            identifiers: vec![
                self.settings.person.subject.clone(),
                self.settings.other_person.subject.clone(),
                token_id,
                mandate_id,
                CLIENT_ID.to_owned(),
                match &issuer.mandate.holder {
                    Holder::EnterpriseNumber(text) | Holder::Pseudonym(text) => text.clone(),
                },
            ],
        })
    }

    fn other(&self, name: IssuerName) -> Result<&IssuerSettings, BuildError> {
        self.issuer(match name {
            IssuerName::First => IssuerName::Second,
            IssuerName::Second => IssuerName::First,
        })
    }

    /// The keys and certificates of others, where the recipe names them: an RSA key takes a while to make.
    fn name_others(
        &self,
        scope: &mut Scope,
        algorithm: Algorithm,
        recipe: &TokenRecipe,
    ) -> Result<(), BuildError> {
        let names = |wanted: &str| {
            let texts = recipe.header.values().chain(&recipe.header_text);
            texts
                .chain(recipe.claims.values())
                .any(|text| text.contains(wanted))
        };
        if names("${clientThumbprint}") {
            let key = self.client.key(Algorithm::Es256)?;
            scope.text("clientThumbprint", encode(&key.thumbprint()));
        }
        if names("${clientEdThumbprint}") {
            let key = self.client.key(Algorithm::EdDsa)?;
            scope.text("clientEdThumbprint", encode(&key.thumbprint()));
        }
        if names("Certificate") {
            self.name_certificates(scope)?;
        }
        if names("${attackerThumbprint}") {
            let key = self.attacker.key(Algorithm::Es256)?;
            scope.text("attackerThumbprint", encode(&key.thumbprint()));
        }
        if names("${attackerJwk}") {
            let key = self.attacker.key(algorithm)?;
            scope.text("attackerJwk", key.public_jwk().to_string());
        }
        Ok(())
    }

    /// The certificates of the client and of the attacker, each of its own making.
    pub(crate) fn name_certificates(&self, scope: &mut Scope) -> Result<(), BuildError> {
        for (name, owner) in [("client", self.client), ("attacker", self.attacker)] {
            let certificate = forge::certificate::self_signed(owner)?;
            scope.text(
                &format!("{name}Certificate"),
                forge::pem::base64(&certificate),
            );
            let sha256 = forge::certificate::sha256(&certificate);
            scope.text(&format!("{name}CertificateSha256"), sha256);
            let sha1 = forge::certificate::sha1(&certificate);
            scope.text(&format!("{name}CertificateSha1"), sha1);
        }
        Ok(())
    }

    /// One spelling of the token; none where a part is not what it would be without the recipe's spelling.
    fn spelled(
        &self,
        attempt: &Attempt<'_>,
        scope: &Scope,
        random: &mut Seeded,
    ) -> Result<Option<String>, BuildError> {
        let recipe = attempt.recipe;
        let mut scope = scope.clone();
        let payload_of = |claims: &Value, edits, scope: &Scope| -> Result<String, BuildError> {
            let text = edited(claims, edits, scope)?;
            let mandate = scope.get("mandate").unwrap_or_default();
            Ok(text.replacen(&format!("\"{MANDATE_MARK}\""), mandate, 1))
        };
        let mut header = edited(attempt.header, &recipe.header, &scope)?;
        scope.text("header", &header);
        if let Some(whole) = &recipe.header_text {
            header = scope.expand(whole)?;
        }
        header.push_str(attempt.spaces);
        let mut payload = payload_of(attempt.claims, &recipe.claims, &scope)?;
        payload.push_str(attempt.spaces);
        scope.text("payload", &payload);
        if let Some(whole) = &recipe.payload_text {
            payload = scope.expand(whole)?;
        }
        let payload_bytes = match &recipe.payload_hex {
            Some(hexadecimal) => {
                scope.text("payload", hex(payload.as_bytes()));
                unhex(&scope.expand(hexadecimal)?)?
            }
            None => encoded(&payload, recipe.payload_encoding),
        };
        let input = format!("{}.{}", encode(header.as_bytes()), encode(&payload_bytes));
        let mut signing = Signing {
            key: attempt.key,
            signer: attempt.signer,
            set: attempt.set.clone(),
            attacker: self.attacker,
            scope: &scope,
            random: random.clone(),
            input,
            payload,
        };
        let signature = match &recipe.forge {
            None => forge::sign(
                signing.signer,
                signing.input.as_bytes(),
                &mut signing.random,
            )?,
            Some(forgery) => match forge::forge(forgery, &mut signing)? {
                forge::Forged::Signature(bytes) => bytes,
                forge::Forged::Token(token) => return Ok(Some(token)),
            },
        };
        let (mut header_part, mut payload_part) =
            (encode(header.as_bytes()), encode(&payload_bytes));
        if !recipe.after.header.is_empty() {
            header_part = encode(edited(attempt.header, &recipe.after.header, &scope)?.as_bytes());
        }
        if !recipe.after.claims.is_empty() {
            payload_part =
                encode(payload_of(attempt.claims, &recipe.after.claims, &scope)?.as_bytes());
        }
        let mut parts = [header_part, payload_part, encode(&signature)];
        for (name, part) in ["header", "payload", "signature"].iter().zip(&mut parts) {
            if let Some(template) = recipe.written.get(*name) {
                let Some(written) = respelled(template, part, &scope)? else {
                    return Ok(None);
                };
                *part = written;
            }
        }
        for (name, part) in ["h", "p", "s"].iter().zip(&parts) {
            scope.text(name, part);
        }
        let token = parts.join(".");
        match recipe.written.get("token") {
            Some(template) => respelled(template, &token, &scope),
            None => Ok(Some(token)),
        }
    }

    fn claims(&self, issuer: &IssuerSettings, random: &mut Seeded, now: u64) -> Value {
        json!({
            "iss": issuer.issuer,
            "sub": self.settings.person.subject,
            "aud": self.settings.audience,
            "client_id": CLIENT_ID,
            "jti": random.uuid(),
            "iat": now,
            "exp": now + LIFETIME_SECONDS.min(self.settings.max_token_lifetime_seconds),
            "authorization_details": [mandate(&issuer.mandate, random, now)],
        })
    }
}

const CLIENT_ID: &str = "sluis-conformance-client";
const MANDATE_MARK: &str = "@@sluis-mandate@@";

struct Attempt<'a> {
    recipe: &'a TokenRecipe,
    header: &'a Value,
    claims: &'a Value,
    spaces: &'a str,
    key: &'a PrivateKey,
    signer: &'a PrivateKey,
    set: Value,
}

fn mandate(settings: &MandateSettings, random: &mut Seeded, now: u64) -> Value {
    let holder = match &settings.holder {
        Holder::EnterpriseNumber(number) => {
            json!({"type": settings.holder_type, "enterpriseNumber": number})
        }
        Holder::Pseudonym(pseudonym) => {
            json!({"type": settings.holder_type, "pseudonym": pseudonym})
        }
    };
    let accepted = now.saturating_sub(2 * DAY);
    json!({
        "type": "mandate",
        "mandateId": random.uuid(),
        "mandateType": settings.mandate_type,
        "deliberation": settings.deliberation,
        "status": "active",
        "purposes": settings.purposes,
        "dataCategories": settings.data_categories,
        "validFrom": now.saturating_sub(DAY),
        "validUntil": now + DAY,
        "usage": "repeated",
        "grant": {
            "level": settings.grant_level,
            "grantedBy": "dataSubject",
            "channel": "online",
            "consentVersion": settings.consent_version,
            "consentItems": ["scope", "holderIdentity", "authenticationLevel", "revocation", "registration"],
            "acceptedAt": now.saturating_sub(DAY),
        },
        "holder": holder,
        "channel": "api",
        "tokenFor": "application",
        "circleOfTrust": {"version": settings.circle_of_trust_version, "acceptedAt": accepted},
        "terms": {"version": settings.terms_version, "acceptedAt": accepted},
    })
}

fn text(claims: &Value, pointer: &str) -> String {
    let found = claims.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

fn encoded(text: &str, encoding: PayloadEncoding) -> Vec<u8> {
    let mark = |bytes: &[u8]| [bytes, text.as_bytes()].concat();
    match encoding {
        PayloadEncoding::Utf8 => text.as_bytes().to_vec(),
        PayloadEncoding::Utf8Bom => mark(&[0xef, 0xbb, 0xbf]),
        PayloadEncoding::Utf16Le => [0xfeff]
            .into_iter()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect(),
        PayloadEncoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        PayloadEncoding::Utf32Le => text
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect(),
    }
}

/// A part in another spelling; none where this part has no such spelling.
pub(crate) fn respelled(
    template: &str,
    part: &str,
    scope: &Scope,
) -> Result<Option<String>, BuildError> {
    let mut scope = scope.clone();
    scope.text("it", part);
    for (name, spelling) in [
        ("stray", stray_bits(part)),
        ("standard", standard_alphabet(part)),
        ("padded", padded(part)),
    ] {
        match spelling {
            Some(spelling) => scope.text(name, spelling),
            None if template.contains(&format!("${{{name}}}")) => return Ok(None),
            None => {}
        }
    }
    scope.text("upper", part.to_uppercase());
    let cut = part
        .char_indices()
        .last()
        .and_then(|(at, _)| part.get(..at));
    scope.text("cut", cut.unwrap_or_default());
    scope.expand(template).map(Some)
}

/// The same bytes, the unused bits of the last character not zero (RFC 4648 §3.5).
fn stray_bits(part: &str) -> Option<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if part.len() % 4 < 2 {
        return None;
    }
    let (at, last) = part.char_indices().last()?;
    let value = ALPHABET.find(last)?;
    let other = ALPHABET.chars().nth(value | 1)?;
    (other != last).then(|| format!("{}{other}", part.get(..at).unwrap_or_default()))
}

fn standard_alphabet(part: &str) -> Option<String> {
    let standard = part.replace('-', "+").replace('_', "/");
    (standard != part).then_some(standard)
}

fn padded(part: &str) -> Option<String> {
    match part.len() % 4 {
        2 => Some(format!("{part}==")),
        3 => Some(format!("{part}=")),
        _ => None,
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hexadecimal as bytes.
pub(crate) fn unhex(text: &str) -> Result<Vec<u8>, BuildError> {
    let wrong = || BuildError::Hexadecimal {
        text: text.to_owned(),
    };
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Ok(high << 4 | low),
            _ => Err(wrong()),
        })
        .collect()
}
