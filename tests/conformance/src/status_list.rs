//! Builds a status list token from its recipe (draft-ietf-oauth-status-list §5.1), and lists that no compressor makes.

use serde_json::json;

use crate::case::{Compression, Signer, StatusRecipe};
use crate::error::BuildError;
use crate::forge::{self, Forged};
use crate::json_edit::edited;
use crate::keys::encode;
use crate::random::Seeded;
use crate::request::Publication;
use crate::token::{Signing, TokenBuilder, unhex};

/// Zeros of a bomb: more than any validator should inflate.
const BOMB_BYTES: usize = 64 * 1024 * 1024;

/// Where the list of a case is, and what is there.
pub(crate) fn publication(
    tokens: &TokenBuilder<'_>,
    case: &str,
    recipe: &StatusRecipe,
    now: u64,
) -> Result<(String, Publication), BuildError> {
    let settings = tokens.settings;
    let prefix = settings.status_prefix.as_deref();
    let uri = format!(
        "{}{case}",
        prefix.ok_or(BuildError::Lacks {
            what: "status list"
        })?
    );
    if recipe.down {
        return Ok((uri, Publication::Down));
    }
    let document = document(tokens, &uri, recipe, now)?;
    if recipe.redirect {
        return Ok((uri, Publication::Redirect { body: document }));
    }
    let body = match &recipe.text {
        Some(text) => {
            let mut scope = tokens.scope(now, 0);
            scope.text("document", document);
            scope.expand(text)?
        }
        None => document,
    };
    let status = recipe.status.unwrap_or(200);
    Ok((uri, Publication::Answer { status, body }))
}

fn document(
    tokens: &TokenBuilder<'_>,
    uri: &str,
    recipe: &StatusRecipe,
    now: u64,
) -> Result<String, BuildError> {
    let algorithm = recipe.key.algorithm();
    let key = tokens.settings.issuer.keys.get(algorithm)?;
    let second = || {
        let issuer = tokens.settings.second_issuer.as_ref();
        let lacks = BuildError::Lacks {
            what: "second issuer",
        };
        issuer.ok_or(lacks)?.keys.get(algorithm)
    };
    let (named, signer) = match recipe.signer {
        Signer::Issuer => (key, key),
        Signer::OtherIssuer => (second()?, second()?),
        Signer::Attacker => (key, tokens.attacker.key(algorithm)?),
        Signer::AttackerOwnId => {
            let attacker = tokens.attacker.key(algorithm)?;
            (attacker, attacker)
        }
    };
    let statuses = match &recipe.statuses {
        Some(text) => unhex(text)?,
        None => vec![0],
    };
    let list = encode(&compressed(&statuses, recipe.compression));
    let mut scope = tokens.scope(now, 0);
    scope.text("uri", uri);
    scope.text("kid", named.key_id());
    scope.text("lst", &list);
    let header = json!({"alg": algorithm.as_str(), "kid": named.key_id(), "typ": "statuslist+jwt"});
    let claims = json!({
        "sub": uri, "iat": now, "exp": now + 3600, "ttl": 60,
        "status_list": {"bits": recipe.bits.max(1), "lst": list},
    });
    let header = edited(&header, &recipe.header, &scope)?;
    let payload = edited(&claims, &recipe.claims, &scope)?;
    let input = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(payload.as_bytes())
    );
    let mut signing = Signing {
        key: named,
        signer,
        set: json!({}),
        attacker: tokens.attacker,
        scope: &scope,
        random: Seeded::new(tokens.seed, uri),
        input,
        payload,
    };
    let signature = match &recipe.forge {
        None => forge::sign(signer, signing.input.as_bytes(), &mut signing.random)?,
        Some(forgery) => match forge::forge(forgery, &mut signing)? {
            Forged::Signature(bytes) => bytes,
            Forged::Token(document) => return Ok(document),
        },
    };
    Ok(format!("{}.{}", signing.input, encode(&signature)))
}

/// ZLIB (RFC 1950) around one stored block (RFC 1951 §3.2.4), or what is asked for.
fn compressed(bytes: &[u8], how: Compression) -> Vec<u8> {
    const HEADER: [u8; 2] = [0x78, 0x01];
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let block = [
        &[1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        bytes,
    ]
    .concat();
    let checksum = adler32(bytes.iter().copied()).to_be_bytes();
    let good = || [&HEADER[..], &block, &checksum].concat();
    match how {
        Compression::Zlib => good(),
        Compression::Bomb => [&HEADER[..], &zeros(), &adler32_of_zeros().to_be_bytes()].concat(),
        Compression::BadChecksum => {
            let mut list = good();
            if let Some(last) = list.last_mut() {
                *last ^= 1;
            }
            list
        }
        Compression::CutOff => {
            let mut list = good();
            list.truncate(list.len().saturating_sub(3));
            list
        }
        Compression::TrailingBytes => [good(), vec![0; 3]].concat(),
        Compression::Raw => block,
        Compression::None => bytes.to_vec(),
        Compression::Dictionary => {
            // FDICT set, the check bits right, and a dictionary's id.
            [&[0x78, 0x20][..], &[0, 0, 0, 1], &block, &checksum].concat()
        }
    }
}

/// RFC 1950 §8.
fn adler32(bytes: impl Iterator<Item = u8>) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    b << 16 | a
}

fn adler32_of_zeros() -> u32 {
    // a stays 1, and b counts.
    let count = u32::try_from(BOMB_BYTES % 65521).unwrap_or_default();
    count << 16 | 1
}

/// [`BOMB_BYTES`] zeros in one block of fixed codes (RFC 1951 §3.2.6): a zero, then copies of
/// 258 bytes from one byte back, in 13 bits each.
fn zeros() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0b1, 1);
    bits.push(0b01, 2);
    // Literal 0: 00110000, most significant bit first.
    bits.push_code(0b0011_0000, 8);
    let mut left = BOMB_BYTES - 1;
    while left >= 258 {
        // Length 258 is code 285: 11000101; distance 1 is code 0.
        bits.push_code(0b1100_0101, 8);
        bits.push_code(0, 5);
        left -= 258;
    }
    for _ in 0..left {
        bits.push_code(0b0011_0000, 8);
    }
    // End of block: 256.
    bits.push_code(0, 7);
    bits.bytes
}

/// Bits packed as DEFLATE packs them: from the least significant of each byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u8,
}

impl Bits {
    fn bit(&mut self, bit: u8) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= bit << self.used;
        }
        self.used = (self.used + 1) % 8;
    }

    /// A number, from its least significant bit.
    fn push(&mut self, value: u8, bits: u8) {
        for at in 0..bits {
            self.bit(value >> at & 1);
        }
    }

    /// A Huffman code, from its most significant bit.
    fn push_code(&mut self, value: u8, bits: u8) {
        for at in (0..bits).rev() {
            self.bit(value >> at & 1);
        }
    }
}
