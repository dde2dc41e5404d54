//! Signatures that verifiers differ on: whichever the runtime uses, it gives the verdict of ours (token profile §12–13).

use anyhow::{Context, Result, ensure};
use base64ct::{Base64UrlUnpadded, Encoding};
use rsa::pss::SigningKey as PssKey;
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use rsa::{BoxedUint, RsaPrivateKey};
use serde_json::Value;
use sha2::Sha256;
use sluis_conformance::arithmetic::{minus, plus};
use sluis_tests::issuer::{ALGORITHMS, AUDIENCE, now};
use sluis_tests::world::World;
use sluis_token::sign::SigningKey;
use sluis_token::{
    AccessToken, Algorithm, IssuerKeys, IssuerRules, JwkSet, KeyRules, UnixTime, UntrustedToken,
};

use crate::Case;
use crate::requests::rights;

pub(crate) const CASES: &[Case] = &[
    Case::new("both_verifiers_give_one_verdict_on_odd_signatures", odd),
    Case::new("a_pss_salt_is_as_long_as_the_hash", salts),
];

/// Orders of the groups (FIPS 186-5, RFC 8032 §5.1), the last one little-endian as it stands in a signature.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const P384_ORDER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn odd(world: &mut World) -> Result<()> {
    let mut accepted = 0;
    let mut refused = 0;
    for algorithm in ALGORITHMS {
        for number in 0..2 {
            let token = world.token(algorithm, &world.pension_claims()?)?;
            let (signed, signature) = token.rsplit_once('.').context("a token")?;
            let signature = Base64UrlUnpadded::decode_vec(signature)?;
            for (name, odd) in variants(algorithm, &signature)? {
                let token = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&odd));
                let ours = verdict(world.issuers.cbss.key(algorithm)?, world, &token)?;
                let theirs = world.send(&rights().bearer(&token))?.status;
                ensure!(
                    theirs == if ours { 200 } else { 401 },
                    "{} {name} ({number}): ours says {ours}, the runtime {theirs}",
                    algorithm.as_str()
                );
                *(if ours { &mut accepted } else { &mut refused }) += 1;
            }
        }
    }
    // The good ones, and high s of both curves (profile §13).
    ensure!(accepted == 2 * 7, "{accepted} accepted");
    ensure!(refused > 60, "only {refused} refused");
    world.take_seen();
    Ok(())
}

/// What the platform-free verifier says of a token.
fn verdict(key: &SigningKey, world: &World, token: &str) -> Result<bool> {
    let rules = IssuerRules::new(world.issuers.cbss.issuer, &[key.algorithm()], 300, 5)?;
    let set = format!("{{\"keys\":[{}]}}", key.public_jwk_json());
    let keys = IssuerKeys::new(rules, JwkSet::parse(set.as_bytes(), &KeyRules::default())?);
    let now = UnixTime::from_seconds(now()).context("a time")?;
    let parsed = UntrustedToken::parse(&AccessToken::parse(token)?)?;
    Ok(parsed.verify_locally(&keys, AUDIENCE, now).is_ok())
}

/// A signature as it is, and every way to spoil it that some verifier was known to let through.
fn variants(algorithm: Algorithm, good: &[u8]) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let longer = [good, &[0]].concat();
    let padded = [&[0], good].concat();
    let shorter = good[..good.len() - 1].to_vec();
    let mut all = vec![
        ("as signed", good.to_vec()),
        ("a byte longer", longer),
        ("a zero before it", padded),
        ("a byte shorter", shorter),
        ("zeros", vec![0; good.len()]),
        ("ones", vec![0xff; good.len()]),
    ];
    let half = good.len() / 2;
    let (first, second) = good.split_at(half);
    match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => {
            let order = unhex(if half == 32 { P256_ORDER } else { P384_ORDER })?;
            let zero = vec![0; half];
            let mut one = zero.clone();
            one[half - 1] = 1;
            all.push(("high s", [first, &minus(&order, second)].concat()));
            all.push(("r of 0", [&zero, second].concat()));
            all.push(("s of 0", [first, &zero].concat()));
            all.push(("r and s of 1", [&one[..], &one].concat()));
            all.push(("r of n", [&order, second].concat()));
            all.push(("s of n", [first, &order].concat()));
            all.push(("r and s swapped", [second, first].concat()));
            all.push(("DER", der(first, second)));
        }
        Algorithm::EdDsa => {
            let mut identity = vec![0; 32];
            identity[0] = 1;
            let mut negative_zero = identity.clone();
            negative_zero[31] = 0x80;
            // p + 1: the identity once more, in a form that is not canonical.
            let mut not_canonical = vec![0xff; 32];
            not_canonical[0] = 0xee;
            not_canonical[31] = 0x7f;
            let beyond = plus_little_endian(second, &unhex(ED25519_ORDER)?);
            all.push(("R of small order", [&identity, second].concat()));
            all.push(("R of negative zero", [&negative_zero, second].concat()));
            all.push(("R not canonical", [&not_canonical, second].concat()));
            all.push(("S plus L", [first, &beyond].concat()));
            all.push(("S of 0", [first, &[0; 32]].concat()));
            all.push(("small R, S of 0", [&identity[..], &[0; 32]].concat()));
        }
        Algorithm::Ps256 | Algorithm::Rs256 => {
            let mut one = vec![0; good.len()];
            one[good.len() - 1] = 1;
            all.push(("of 1", one));
        }
    }
    Ok(all)
}

/// A PSS salt of the hash's length passes, any other does not (RFC 7518 §3.5).
fn salts(world: &mut World) -> Result<()> {
    let key = world.issuers.cbss.key(Algorithm::Ps256)?;
    let jwk: Value = serde_json::from_str(&key.to_private_jwk_json())?;
    let member = |name: &str| -> Result<BoxedUint> {
        let text = jwk[name].as_str().context("a member of the key")?;
        let bytes = Base64UrlUnpadded::decode_vec(text)?;
        Ok(BoxedUint::from_be_slice_vartime(&bytes))
    };
    let primes = vec![member("p")?, member("q")?];
    let private = RsaPrivateKey::from_components(member("n")?, member("e")?, member("d")?, primes)?;
    for (salt, expected) in [(0, 401), (20, 401), (31, 401), (32, 200), (64, 401)] {
        let token = world.token(Algorithm::Ps256, &world.pension_claims()?)?;
        let (signed, _) = token.rsplit_once('.').context("a token")?;
        let pss = PssKey::<Sha256>::new_with_salt_len(private.clone(), salt);
        let signature = pss
            .try_sign_with_rng(&mut getrandom::SysRng, signed.as_bytes())?
            .to_vec();
        let token = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature));
        let status = world.send(&rights().bearer(&token))?.status;
        ensure!(status == expected, "a salt of {salt} bytes: {status}");
    }
    world.take_seen();
    Ok(())
}

/// r and s as ASN.1 has them, which JOSE does not (RFC 7518 §3.4).
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |value: &[u8]| {
        let mut bytes = vec![0x02, u8::try_from(value.len() + 1).unwrap_or(0), 0];
        bytes.extend_from_slice(value);
        bytes
    };
    let body = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap_or(0)], body].concat()
}

/// a + b, little-endian and of one length.
fn plus_little_endian(a: &[u8], b: &[u8]) -> Vec<u8> {
    let reversed = |number: &[u8]| number.iter().rev().copied().collect::<Vec<u8>>();
    reversed(&plus(&reversed(a), &reversed(b)))
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| Ok(u8::from_str_radix(&text[at..at + 2], 16)?))
        .collect()
}
