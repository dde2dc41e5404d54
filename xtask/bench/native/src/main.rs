//! Verifies the tokens it is given, over and over, with aws-lc-rs: what a
//! signature costs outside of WebAssembly, without JSON, claims or HTTP.
//!
//! Standard input: one JSON object a line, `{"algorithm","key","tokens"}`, the
//! key as a JWK. Standard output: a JSON object a line, `{"algorithm","micros"}`,
//! the median over the rounds of the mean time of one verification.

#![expect(
    clippy::print_stdout,
    reason = "a program that answers on standard output"
)]

use std::io::stdin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, VerificationAlgorithm,
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct Task {
    algorithm: String,
    key: Key,
    tokens: Vec<String>,
}

#[derive(Deserialize)]
struct Key {
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Serialize)]
struct Outcome<'a> {
    algorithm: &'a str,
    micros: f64,
}

/// A token's signing input and signature.
struct Signed {
    input: Vec<u8>,
    signature: Vec<u8>,
}

fn main() -> Result<()> {
    for line in stdin().lines() {
        let task: Task = serde_json::from_str(&line?)?;
        let tokens = task
            .tokens
            .iter()
            .map(|token| parse(token))
            .collect::<Result<Vec<_>>>()?;
        let verify = verifier(&task)?;
        ensure!(
            tokens.iter().all(&*verify),
            "{}: a token does not verify",
            task.algorithm
        );
        let micros = median((0..ROUNDS).map(|_| round(&tokens, &*verify)).collect())?;
        println!(
            "{}",
            serde_json::to_string(&Outcome {
                algorithm: &task.algorithm,
                micros
            })?
        );
    }
    Ok(())
}

type Verify = Box<dyn Fn(&Signed) -> bool>;

/// A verifier with its key parsed once, as a server would keep it.
fn verifier(task: &Task) -> Result<Verify> {
    let Key { x, y, n, e } = &task.key;
    let bytes = |text: &Option<String>| -> Result<Vec<u8>> {
        let text = text.as_deref().context("a member of the key is missing")?;
        Base64UrlUnpadded::decode_vec(text).map_err(|error| anyhow::anyhow!("{error}"))
    };
    let point = || -> Result<Vec<u8>> { Ok([&[4], &*bytes(x)?, &*bytes(y)?].concat()) };
    let rsa = || -> Result<Vec<u8>> { Ok(rsa_public_key(&bytes(n)?, &bytes(e)?)) };
    let (how, key): (&'static dyn VerificationAlgorithm, Vec<u8>) = match task.algorithm.as_str() {
        "EdDSA" => (&ED25519, bytes(x)?),
        "ES256" => (&ECDSA_P256_SHA256_FIXED, point()?),
        "ES384" => (&ECDSA_P384_SHA384_FIXED, point()?),
        "RS256" => (&RSA_PKCS1_2048_8192_SHA256, rsa()?),
        "PS256" => (&RSA_PSS_2048_8192_SHA256, rsa()?),
        other => bail!("{other}: no such algorithm"),
    };
    let key = ParsedPublicKey::new(how, key)?;
    Ok(Box::new(move |token| {
        key.verify_sig(&token.input, &token.signature).is_ok()
    }))
}

/// `RSAPublicKey` in DER (RFC 8017 appendix A.1.1).
fn rsa_public_key(n: &[u8], e: &[u8]) -> Vec<u8> {
    // A number is positive: a zero goes before one that would look negative.
    let integer = |magnitude: &[u8]| {
        let negative = magnitude.first().is_some_and(|first| *first >= 0x80);
        element(
            0x02,
            &[if negative { &[0_u8][..] } else { &[] }, magnitude].concat(),
        )
    };
    element(0x30, &[integer(n), integer(e)].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => vec![length],
        Ok(length) => vec![0x81, length],
        Err(_) => {
            let [.., high, low] = content.len().to_be_bytes();
            vec![0x82, high, low]
        }
    };
    [&[tag], &*length, content].concat()
}

fn parse(token: &str) -> Result<Signed> {
    let (input, signature) = token.rsplit_once('.').context("a token without dots")?;
    let signature =
        Base64UrlUnpadded::decode_vec(signature).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(Signed {
        input: input.as_bytes().to_vec(),
        signature,
    })
}

/// The mean time of one verification, in microseconds.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn round(tokens: &[Signed], verify: &dyn Fn(&Signed) -> bool) -> f64 {
    let start = Instant::now();
    let mut done = 0_u32;
    for token in tokens.iter().cycle() {
        std::hint::black_box(verify(token));
        done += 1;
        if done.is_multiple_of(64) && start.elapsed() > ROUND {
            break;
        }
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(done.max(1))
}

fn median(mut values: Vec<f64>) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("no round")
}
