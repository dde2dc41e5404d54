//! A token while it is made: header, payload and signature can each be changed at every level.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use sluis_token::Algorithm;

use crate::members::{Members, quoted};
use crate::party::{AUDIENCE, ISSUER, NOW, Party};
use crate::random::Random;

/// What a token will be made of. Later levels, where they are set, stand for the earlier ones.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// Whose kind of key signs, and by default what the header names.
    pub(crate) algorithm: Algorithm,
    pub(crate) header: Members,
    pub(crate) claims: Members,
    /// White space between the tokens of both objects.
    pub(crate) space: &'static str,
    /// The header's bytes.
    pub(crate) header_bytes: Option<Vec<u8>>,
    /// The payload's bytes.
    pub(crate) claims_bytes: Option<Vec<u8>>,
    /// Changes to the encoded header and payload that are made *before* they are signed.
    pub(crate) before_signing: Vec<PartChange>,
    pub(crate) signer: Signer,
    pub(crate) signature: SignatureChange,
    /// Changes to the encoded parts after they were signed: 0 header, 1 payload, 2 signature.
    pub(crate) after_signing: Vec<PartChange>,
    pub(crate) shape: Shape,
    /// What was done, for the report.
    pub(crate) labels: Vec<&'static str>,
}

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    Issuer,
    /// With a key of the same algorithm and, in its own eyes, the same id.
    Stranger,
    /// HMAC-SHA-256 with the text of the issuer's public key.
    Mac,
    Nobody,
}

/// What is done to the bytes of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureChange {
    None,
    FlipBit(usize),
    Truncate,
    Extend,
    Empty,
    Zeros,
    /// ECDSA: r is 0, s is 0, or either is the order of the group.
    Scalars(u8),
    /// ECDSA: n − s for s.
    OtherS,
    /// ECDSA: the same numbers in DER.
    Der,
    /// Ed25519: S + L for S.
    AddOrder,
    /// Ed25519: R of small order.
    SmallOrderR,
    /// One zero byte before it.
    LeadingZero,
    Reversed,
}

/// A change to an encoded part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartChange {
    Pad(usize),
    StrayBits(usize),
    Insert(usize, char),
    OtherAlphabet(usize),
    DropLast(usize),
    Empty(usize),
}

/// How the parts are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Compact,
    TwoParts,
    FourParts,
    FiveParts,
    TrailingDot,
    LeadingDot,
    OnePart,
    Swapped,
    Flattened,
    General,
    Doubled,
    SpaceAround,
    /// The signature of another token of the same signer.
    OtherPayload,
}

impl Draft {
    /// A good token, with some of the freedom that good tokens have.
    pub(crate) fn good(random: &mut Random) -> Self {
        // RSA rarely: a signature costs more than all else together.
        let algorithm = match random.below(40) {
            0 => Algorithm::Rs256,
            1 => Algorithm::Ps256,
            2..=4 => Algorithm::Es384,
            5..=16 => Algorithm::Es256,
            _ => Algorithm::EdDsa,
        };
        let mut header = Members::default();
        header.push("typ", r#""at+jwt""#);
        header.push("alg", quoted(algorithm.as_str()));
        header.push("kid", quoted(algorithm.as_str()));
        header.rotate(random.below(3));
        let mut claims = good_claims(random);
        claims.rotate(random.below(8));
        Self {
            algorithm,
            header,
            claims,
            space: if random.once_in(8) {
                random.one_of([" ", "\n", "\t", "\r\n "])
            } else {
                ""
            },
            header_bytes: None,
            claims_bytes: None,
            before_signing: Vec::new(),
            signer: Signer::Issuer,
            signature: SignatureChange::None,
            after_signing: Vec::new(),
            shape: Shape::Compact,
            labels: Vec::new(),
        }
    }

    /// The token.
    pub(crate) fn token(&self, party: &Party) -> Result<String> {
        let bytes = |whole: &Option<Vec<u8>>, members: &Members| {
            whole
                .clone()
                .unwrap_or_else(|| members.text(self.space).into_bytes())
        };
        let mut written = [
            encode(&bytes(&self.header_bytes, &self.header)),
            encode(&bytes(&self.claims_bytes, &self.claims)),
            String::new(),
        ];
        for change in &self.before_signing {
            change.apply(&mut written);
        }
        let [header, payload, _] = &written;
        let mut message = format!("{header}.{payload}");
        if self.shape == Shape::OtherPayload {
            message.push('x');
        }
        let signature = self.sign(party, message.as_bytes())?;
        let [_, _, part] = &mut written;
        *part = encode(&signature);
        for change in &self.after_signing {
            change.apply(&mut written);
        }
        let [header, payload, signature] = &written;
        Ok(self.shape.put_together(header, payload, signature))
    }

    fn sign(&self, party: &Party, message: &[u8]) -> Result<Vec<u8>> {
        let own = party.own.get(&self.algorithm).context("no key")?;
        let signature = match self.signer {
            Signer::Issuer => own.sign_bytes(message)?,
            Signer::Stranger => {
                let stranger = party.strangers.get(&self.algorithm).context("no key")?;
                stranger.sign_bytes(message)?
            }
            Signer::Mac => crate::signature::mac(own.public_jwk_json().as_bytes(), message)?,
            Signer::Nobody => Vec::new(),
        };
        Ok(crate::signature::change(
            self.signature,
            self.algorithm,
            signature,
        ))
    }
}

impl PartChange {
    fn apply(self, parts: &mut [String; 3]) {
        let (Self::Pad(which)
        | Self::StrayBits(which)
        | Self::Insert(which, _)
        | Self::OtherAlphabet(which)
        | Self::DropLast(which)
        | Self::Empty(which)) = self;
        let Some(part) = parts.get_mut(which) else {
            return;
        };
        match self {
            Self::Pad(_) => {
                let missing = (4 - part.len() % 4) % 4;
                part.push_str("==".get(..missing.clamp(1, 2)).unwrap_or("="));
            }
            Self::StrayBits(_) => {
                // A part whose length is a multiple of four has no unused bits.
                if let Some(last) = part.pop() {
                    let next = char::from_u32(u32::from(last) + 1).unwrap_or('!');
                    part.push(if part.len() % 4 == 3 { last } else { next });
                }
            }
            Self::Insert(_, character) => {
                part.insert(part.floor_char_boundary(part.len() / 2), character);
            }
            Self::OtherAlphabet(_) => {
                *part = part.replace('-', "+").replace('_', "/");
                if !part.contains(['+', '/']) {
                    part.push_str("+/+/");
                }
            }
            Self::DropLast(_) => {
                part.pop();
            }
            Self::Empty(_) => part.clear(),
        }
    }
}

impl Shape {
    fn put_together(self, header: &str, payload: &str, signature: &str) -> String {
        let compact = || format!("{header}.{payload}.{signature}");
        match self {
            Self::Compact | Self::OtherPayload => compact(),
            Self::TwoParts => format!("{header}.{payload}"),
            Self::FourParts => format!("{}.{signature}", compact()),
            Self::FiveParts => format!("{header}.{payload}.{signature}.{payload}.{signature}"),
            Self::TrailingDot => format!("{}.", compact()),
            Self::LeadingDot => format!(".{}", compact()),
            Self::OnePart => format!("{header}{payload}{signature}"),
            Self::Swapped => format!("{payload}.{header}.{signature}"),
            Self::Flattened => format!(
                r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#
            ),
            Self::General => format!(
                r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
            ),
            Self::Doubled => format!("{} {}", compact(), compact()),
            Self::SpaceAround => format!(" {}\t", compact()),
        }
    }
}

fn good_claims(random: &mut Random) -> Members {
    let mut claims = Members::default();
    claims.push("iss", quoted(ISSUER));
    claims.push("sub", r#""QmVsZ2lhbiBwc2V1ZG9ueW0gb2YgdGhlIHRlc3RzISE""#);
    claims.push(
        "aud",
        match random.below(4) {
            0 => format!("[{}]", quoted(AUDIENCE)),
            1 => format!(r#"["https://other.example",{}]"#, quoted(AUDIENCE)),
            _ => quoted(AUDIENCE),
        },
    );
    let age = random.below(100);
    let issued = NOW - u64::try_from(age).unwrap_or(0);
    claims.push("exp", (issued + 200).to_string());
    claims.push("iat", issued.to_string());
    claims.push("jti", quoted(&format!("{:016x}", random.next())));
    claims.push("client_id", r#""sim-holder-1""#);
    claims.push("authorization_details", mandate());
    if random.once_in(3) {
        claims.push("nbf", issued.to_string());
    }
    if random.once_in(6) {
        claims.push(
            "act",
            r#"{"sub":"sim-user-1","act":{"sub":"sim-holder-2"}}"#,
        );
    }
    if random.once_in(4) {
        let mut unknown = String::from("x");
        for _ in 0..random.below(4) {
            let _ = write!(unknown, "{}", random.below(10));
        }
        let value = random.one_of([
            "null",
            "true",
            "-1.5e3",
            "\"\\u00e9\\ud83d\\ude00\"",
            "[]",
            "{\"a\":[{}]}",
        ]);
        claims.push(&unknown, value);
    }
    claims
}

/// A good mandate.
pub(crate) fn mandate() -> String {
    sluis_independent::forge::claims()
        .get("authorization_details")
        .map(ToString::to_string)
        .unwrap_or_default()
        // The mandate of those tests ends before the moment of these.
        .replace("1790000000", "3100000000")
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
