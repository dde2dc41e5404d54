//! Tokens that are good for their sender alone, or once: DPoP, client certificates, single use (token profile §22, 23, 25).

use std::net::SocketAddr;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde_json::json;
use sha2::{Digest, Sha256};
use sluis_tests::client::{Request, Response};
use sluis_tests::issuer::{now, random_uuid, set};
use sluis_tests::workerd::CF_FIELD;
use sluis_tests::world::World;
use sluis_token::sign::{ProofClaims, SigningKey};
use sluis_token::{AccessToken, Algorithm, UnixTime};

use crate::problems::{INVALID_ACCESS_TOKEN, SERVICE_UNAVAILABLE, expect, expect_kind};
use crate::requests::{expect_unseen, rights};
use crate::{Case, Need};

pub(crate) const CASES: &[Case] = &[
    Case::new("a_proof_by_the_tokens_key_lets_it_pass", proof),
    Case::new(
        "a_proof_that_is_not_for_this_request_is_refused",
        bad_proofs,
    ),
    Case::new("a_bound_token_is_no_bearer_token", downgrade),
    Case::new("one_proof_sent_fifty_times_at_once_passes_once", proof_race),
    Case::new("a_used_proof_is_known_after_a_crash", proof_after_crash),
    Case::new(
        "a_certificate_that_cloudflare_verified_counts",
        cloudflare_certificate,
    )
    .needing(Need::Runtime("workerd")),
    Case::new(
        "a_certificate_in_a_header_counts_for_nobody_in_line",
        claimed_certificate,
    ),
    Case::new(
        "a_proxys_word_for_its_clients_certificate_counts",
        proxy_certificate,
    ),
    Case::new(
        "without_the_memory_of_uses_nothing_that_needs_it_passes",
        uses_down,
    )
    .needing(Need::Faults),
    Case::new("one_use_of_fifty_at_once_passes", single_use),
    Case::new("a_use_is_known_after_a_crash", single_use_after_crash),
];

/// How many send one thing at a time.
const AT_ONCE: usize = 50;
/// `[institution] url` of `simulation.toml`.
const PUBLIC: &str = "https://api.simulation.sluis.invalid";
/// A certificate, as far as a validator looks at it.
const DER: &[u8] = b"the DER of a client's certificate";

/// A client with a key, a token bound to it, and the validator's nonce.
struct Client {
    key: SigningKey,
    token: String,
    nonce: String,
}

impl Client {
    fn start(world: &World) -> Result<Self> {
        let key = SigningKey::generate(Algorithm::Es256)?;
        let thumbprint = Base64UrlUnpadded::encode_string(&key.public_key().thumbprint());
        let mut claims = world.pension_claims()?;
        set(&mut claims, "/cnf", json!({"jkt": thumbprint}));
        let client = Self {
            key,
            token: world.token(Algorithm::EdDsa, &claims)?,
            nonce: String::new(),
        };
        let index = world.log_size()?;
        let asked = world.send(&client.call(&client.proof(&random_uuid()?)?))?;
        expect_kind(&asked, 401)?;
        expect_challenge(&asked, "use_dpop_nonce")?;
        expect_recorded(world, index, &asked, "dpopNonceNeeded")?;
        let nonce = asked.header("dpop-nonce").context("no nonce")?;
        Ok(Self {
            nonce: nonce.to_owned(),
            ..client
        })
    }

    /// A good proof with that `jti`.
    fn proof(&self, id: &str) -> Result<String> {
        self.proof_for(
            id,
            "GET",
            &format!("{PUBLIC}{}", rights().target),
            &self.key,
        )
    }

    fn proof_for(&self, id: &str, method: &str, url: &str, key: &SigningKey) -> Result<String> {
        let token = AccessToken::parse(&self.token)?;
        Ok(key.sign_dpop_proof(&ProofClaims {
            proof_id: id,
            method,
            url,
            issued_at: time(now())?,
            access_token: Some(&token),
            nonce: Some(self.nonce.as_str()).filter(|nonce| !nonce.is_empty()),
        })?)
    }

    fn call(&self, proof: &str) -> Request {
        rights()
            .with("authorization", &format!("DPoP {}", self.token))
            .with("dpop", proof)
    }
}

pub(crate) fn time(seconds: u64) -> Result<UnixTime> {
    UnixTime::from_seconds(seconds).context("a time")
}

fn expect_challenge(response: &Response, error: &str) -> Result<()> {
    let challenge = response.header("www-authenticate").unwrap_or_default();
    let start = format!("DPoP realm=\"sluis-simulation\", error=\"{error}\"");
    ensure!(challenge.starts_with(&start), "{challenge}, not {error}");
    ensure!(challenge.contains("algs=\"EdDSA ES256"), "{challenge}");
    Ok(())
}

pub(crate) fn expect_recorded(
    world: &World,
    index: u64,
    response: &Response,
    reason: &str,
) -> Result<()> {
    let decision = world.decision_of(index, response)?;
    ensure!(
        decision.kind == "refused" && decision.data("reason") == reason,
        "{} {}, not {reason}",
        decision.kind,
        decision.data("reason")
    );
    Ok(())
}

pub(crate) fn passes(response: &Response) -> Result<()> {
    ensure!(
        response.status == 200,
        "{}: {}",
        response.status,
        response.text()
    );
    Ok(())
}

fn proof(world: &mut World) -> Result<()> {
    let client = Client::start(world)?;
    for _ in 0..3 {
        passes(&world.send(&client.call(&client.proof(&random_uuid()?)?))?)?;
    }
    let seen = world.take_seen();
    ensure!(seen.len() == 3, "{} forwarded", seen.len());
    for request in seen {
        ensure!(request.headers.get("dpop").is_none(), "the proof went on");
        ensure!(
            request.headers.get("authorization").is_none(),
            "the token went on"
        );
    }
    Ok(())
}

fn bad_proofs(world: &mut World) -> Result<()> {
    let client = Client::start(world)?;
    let url = format!("{PUBLIC}{}", rights().target);
    let here = format!("http://{}{}", world.address()?, rights().target);
    let thief = SigningKey::generate(Algorithm::Es256)?;
    let id = random_uuid()?;
    let own = |method: &str, url: &str| client.proof_for(&id, method, url, &client.key);
    let good = own("GET", &url)?;
    let invalid = "invalid_dpop_proof";
    for (reason, error, proof) in [
        ("dpopMethodMismatch", invalid, own("POST", &url)?),
        (
            "dpopUriMismatch",
            invalid,
            own("GET", &format!("{PUBLIC}/elsewhere"))?,
        ),
        // The address that the request came to is none that a client signs for.
        ("dpopUriMismatch", invalid, own("GET", &here)?),
        ("dpopProofMalformed", invalid, "rubbish".to_owned()),
        (
            "dpopKeyMismatch",
            "invalid_token",
            client.proof_for(&id, "GET", &url, &thief)?,
        ),
    ] {
        let index = world.log_size()?;
        let response = world.send(&client.call(&proof))?;
        expect_kind(&response, 401).context(reason)?;
        expect_challenge(&response, error).context(reason)?;
        expect_recorded(world, index, &response, reason)?;
    }
    let index = world.log_size()?;
    let twice = world.send(&client.call(&good).with("dpop", &good))?;
    expect_challenge(&twice, invalid)?;
    expect_recorded(world, index, &twice, "dpopProofRepeated")?;
    expect_unseen(world)?;
    // None of them used it up.
    passes(&world.send(&client.call(&good))?)
}

fn downgrade(world: &mut World) -> Result<()> {
    let client = Client::start(world)?;
    passes(&world.send(&client.call(&client.proof(&random_uuid()?)?))?)?;
    world.take_seen();
    let proof = client.proof(&random_uuid()?)?;
    for request in [
        rights().bearer(&client.token),
        rights().bearer(&client.token).with("dpop", &proof),
    ] {
        let index = world.log_size()?;
        let response = world.send(&request)?;
        expect(&response, INVALID_ACCESS_TOKEN)?;
        expect_recorded(world, index, &response, "keyBoundTokenAsBearer")?;
    }
    expect_unseen(world)
}

/// Sends one request many times at once; how many of the answers have each status.
fn at_once(address: SocketAddr, request: &Request) -> Result<Vec<Response>> {
    thread::scope(|scope| {
        let send = || request.send(address);
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(send)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<Response>>| {
            thread.join().map_err(|_| anyhow!("a client panicked"))?
        };
        threads.into_iter().map(join).collect()
    })
}

/// Fails unless exactly one of many passed and reached the backend, and the others are refused and recorded as such.
fn expect_one(world: &World, index: u64, request: &Request, reason: &str) -> Result<()> {
    world.take_seen();
    let answers = at_once(world.address()?, request)?;
    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    ensure!(
        (count(200), count(401)) == (1, AT_ONCE - 1),
        "{} times 200, {} times 401, {} times 503",
        count(200),
        count(401),
        count(503)
    );
    for answer in &answers {
        world.remember(answer);
    }
    let seen = world.take_seen();
    ensure!(seen.len() == 1, "the backend saw {}", seen.len());
    let records = world.records(index)?;
    let recorded = |kind: &str| records.iter().filter(|record| record.kind == kind).count();
    ensure!(recorded("granted") == 1, "{} grants", recorded("granted"));
    let refused = records
        .iter()
        .filter(|record| record.data("reason") == reason);
    ensure!(
        refused.count() == AT_ONCE - 1,
        "not each refusal is recorded"
    );
    Ok(())
}

fn proof_race(world: &mut World) -> Result<()> {
    let client = Client::start(world)?;
    let call = client.call(&client.proof(&random_uuid()?)?);
    expect_one(world, world.log_size()?, &call, "dpopProofReplayed")
}

fn proof_after_crash(world: &mut World) -> Result<()> {
    let client = Client::start(world)?;
    let call = client.call(&client.proof(&random_uuid()?)?);
    passes(&world.send(&call)?)?;
    world.kill()?;
    world.restart()?;
    let index = world.log_size()?;
    let response = world.send(&call)?;
    expect_challenge(&response, "invalid_dpop_proof")?;
    expect_recorded(world, index, &response, "dpopProofReplayed")?;
    // The nonce is still good: nothing of it was in the memory that is gone.
    passes(&world.send(&client.call(&client.proof(&random_uuid()?)?))?)
}

fn certified(world: &World) -> Result<String> {
    let thumbprint = Base64UrlUnpadded::encode_string(&Sha256::digest(DER));
    let mut claims = world.pension_claims()?;
    set(&mut claims, "/cnf", json!({"x5t#S256": thumbprint}));
    world.token(Algorithm::EdDsa, &claims)
}

fn field(der: &[u8]) -> String {
    format!(":{}:", Base64::encode_string(der))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| {
        use std::fmt::Write as _;
        let mut text = text;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn cloudflare_certificate(world: &mut World) -> Result<()> {
    let token = certified(world)?;
    let good = hexadecimal(&Sha256::digest(DER));
    let other = hexadecimal(&Sha256::digest(b"another certificate"));
    let call = |presented: &str, verified: &str, revoked: &str, fingerprint: &str| {
        let certificate = json!({
            "certPresented": presented, "certVerified": verified, "certRevoked": revoked,
            "certFingerprintSHA256": fingerprint,
        });
        let cf = json!({"tlsClientAuth": certificate}).to_string();
        rights().bearer(&token).with(CF_FIELD, &cf)
    };
    for request in [
        call("1", "SUCCESS", "0", &other),
        call("1", "FAILED:self signed certificate", "0", &good),
        call("1", "SUCCESS", "1", &good),
        call("0", "NONE", "0", ""),
        call("1", "SUCCESS", "0", "x"),
        rights().bearer(&token).with(CF_FIELD, "{}"),
        rights().bearer(&token),
    ] {
        expect(&world.send(&request)?, INVALID_ACCESS_TOKEN)?;
    }
    expect_unseen(world)?;
    passes(&world.send(&call("1", "SUCCESS", "0", &good))?)?;
    passes(&world.send(&call("1", "SUCCESS", "0", &good.to_uppercase()))?)?;
    // The certificate of who asks the decision endpoint is the proxy's.
    let mut asked = call("1", "SUCCESS", "0", &good);
    asked.target = format!("/decide{}", rights().target);
    expect(&world.send(&asked)?, INVALID_ACCESS_TOKEN)
}

fn claimed_certificate(world: &mut World) -> Result<()> {
    let token = certified(world)?;
    let digest = hexadecimal(&Sha256::digest(DER));
    let headers = [
        ("client-cert", field(DER)),
        ("client-cert-chain", field(DER)),
        ("x-client-cert", field(DER)),
        ("x-ssl-client-cert", field(DER)),
        ("x-ssl-client-verify", "SUCCESS".to_owned()),
        ("x-forwarded-client-cert", format!("Hash={digest}")),
        ("cf-client-cert-sha256", digest),
    ];
    let with_all = |request: Request| {
        headers
            .iter()
            .fold(request, |request, (name, value)| request.with(name, value))
    };
    let index = world.log_size()?;
    let response = world.send(&with_all(rights().bearer(&token)))?;
    expect(&response, INVALID_ACCESS_TOKEN)?;
    expect_recorded(world, index, &response, "clientCertificateMissing")?;
    expect_unseen(world)?;
    // Beside a token that needs none they do not reach the backend either.
    passes(&world.send(&with_all(rights().bearer(&world.pension_token()?)))?)?;
    let seen = world.take_seen();
    let headers = seen.first().context("not seen")?.headers.to_string();
    ensure!(!headers.to_ascii_lowercase().contains("cert"), "{headers}");
    Ok(())
}

fn proxy_certificate(world: &mut World) -> Result<()> {
    let token = certified(world)?;
    let asked = Request::get("/decide")
        .with("x-original-method", "GET")
        .with("x-original-uri", &rights().target)
        .bearer(&token);
    passes(&world.send(&asked.clone().with("client-cert", &field(DER)))?)?;
    for wrong in [field(b"another certificate"), "rubbish".to_owned()] {
        let response = world.send(&asked.clone().with("client-cert", &wrong))?;
        expect(&response, INVALID_ACCESS_TOKEN)?;
    }
    let two = asked.clone().with("client-cert", &field(DER));
    let two = two.with("client-cert", &field(b"another certificate"));
    expect(&world.send(&two)?, INVALID_ACCESS_TOKEN)?;
    expect(&world.send(&asked)?, INVALID_ACCESS_TOKEN)
}

fn uses_down(world: &mut World) -> Result<()> {
    world.restart_without_replay()?;
    let client = Client::start(world)?;
    let once = one_use(world)?;
    for request in [once.clone(), client.call(&client.proof(&random_uuid()?)?)] {
        let index = world.log_size()?;
        let response = world.send(&request)?;
        expect(&response, SERVICE_UNAVAILABLE)?;
        expect_recorded(world, index, &response, "replayUnavailable")?;
        expect_unseen(world)?;
    }
    // What needs no such memory passes, and nothing was used up.
    passes(&world.send(&rights().bearer(&world.pension_token()?))?)?;
    world.reset()?;
    passes(&world.send(&once)?)?;
    passes(&world.send(&client.call(&client.proof(&random_uuid()?)?))?)?;
    expect(&world.send(&once)?, INVALID_ACCESS_TOKEN)
}

fn one_use(world: &World) -> Result<Request> {
    let mut claims = world.pension_claims()?;
    set(
        &mut claims,
        "/authorization_details/0/mandateType",
        json!("simPensionQuote"),
    );
    set(
        &mut claims,
        "/authorization_details/0/usage",
        json!("singleUse"),
    );
    Ok(rights().bearer(&world.token(Algorithm::EdDsa, &claims)?))
}

fn single_use(world: &mut World) -> Result<()> {
    expect_one(world, world.log_size()?, &one_use(world)?, "tokenReplayed")
}

fn single_use_after_crash(world: &mut World) -> Result<()> {
    let request = one_use(world)?;
    passes(&world.send(&request)?)?;
    world.kill()?;
    world.restart()?;
    let index = world.log_size()?;
    let response = world.send(&request)?;
    expect(&response, INVALID_ACCESS_TOKEN)?;
    expect_recorded(world, index, &response, "tokenReplayed")
}
