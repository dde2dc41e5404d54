//! The five questions about one call, over running functions: the simulation issues, a mandate holder calls, and the
//! program asks the validator's log by its address and the two others by file (M-21.1, M-21.5).

#![expect(
    clippy::indexing_slicing,
    reason = "of JSON values: a missing member is null, which fails the check that asked for it"
)]

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluis_tests::client::Request;
use sluis_tests::world::World;

/// The person, as the demo backend knows it.
const PERSON: &str = r#"{"ssin":"53480200724"}"#;
/// The trace id that the holder chose.
const CALLER: &str = "7d0f9a52-0000-4000-8000-000000000001";
/// How often the log is asked until the outcome is in it, and what lies between.
const ATTEMPTS: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Where everything is.
pub(crate) struct Places<'a> {
    pub(crate) root: &'a Path,
    pub(crate) sluis: PathBuf,
    pub(crate) gate: SocketAddr,
    pub(crate) simulation: SocketAddr,
    /// For the parties' logs.
    pub(crate) folder: PathBuf,
    pub(crate) auditor_key: PathBuf,
    pub(crate) checkpoint_key: PathBuf,
}

/// One call, and what the three logs say of it; how many facts that is.
pub(crate) fn ask(places: &Places<'_>) -> Result<String> {
    let call = Call::make(places)?;
    let system = places.folder.join("verification-system.jsonl");
    let holder = places.folder.join("holder.jsonl");
    fs::write(&system, call.of_the_system()?)?;
    fs::write(&holder, call.of_the_holder()?)?;
    let party = |name: &str, path: &Path| format!("{name}={}", path.display());
    let (system, holder) = (
        party("verificationSystem", &system),
        party("mandateHolder", &holder),
    );
    let catalogue = places.root.join("catalogue.toml").display().to_string();
    let key = places.program(
        &["keys", "verifier", "--name", World::log_origin()?.as_str()],
        &[&places.checkpoint_key],
    )?;
    let key = String::from_utf8(succeeded(&key)?.stdout.clone())?;
    let key = ["--key", key.trim()];
    let trace = [
        "trace",
        "--for",
        "supervisor",
        "--json",
        "--token-id",
        call.claim("jti")?,
        "--party",
        &system,
        "--party",
        &holder,
        "--catalogue",
        &catalogue,
    ];
    let trace = [&trace[..], &key].concat();
    let output = until(|| places.by_url(&trace), |output| output.status.success())?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let facts = answered(&report)?;

    // The same log, verified and proven by its address.
    succeeded(&places.by_url(&[&["fsck"][..], &key].concat())?)?;
    let index = report
        .pointer("/calls/0/index")
        .context("no index")?
        .to_string();
    let bundle = places.folder.join("call.tlog-proof");
    let out = bundle.display().to_string();
    let prove = [&["prove", "--index", &index, "--out", &out][..], &key].concat();
    until(|| places.by_url(&prove), |output| output.status.success())?;
    let verify = [&["log", "verify"][..], &key].concat();
    succeeded(&places.program(&verify, &[&bundle])?)?;
    Ok(format!(
        "five questions, three logs, {facts} facts; fsck, prove and verify by address"
    ))
}

/// Each question is answered, by each party that keeps a part of the answer.
fn answered(report: &Value) -> Result<usize> {
    let calls = report["calls"].as_array().context("no calls")?;
    let [call] = calls.as_slice() else {
        bail!("{} calls instead of one", calls.len());
    };
    ensure!(
        call["findings"] == json!([]) && report["findings"] == json!([]),
        "{}",
        call["findings"]
    );
    let answers = call["answers"].as_array().context("no answers")?;
    let questions: Vec<_> = answers
        .iter()
        .filter_map(|a| a["question"].as_str())
        .collect();
    ensure!(
        questions == ["who", "what", "where", "when", "why"],
        "{questions:?}"
    );
    let mut count = 0;
    for answer in answers {
        let facts = answer["facts"].as_array().context("no facts")?;
        ensure!(
            !facts.is_empty() && answer.get("silent").is_none(),
            "{answer}"
        );
        count += facts.len();
    }
    for (question, party) in [
        ("who", "verificationSystem"),
        ("what", "mandateHolder"),
        ("where", "validator"),
        ("when", "mandateHolder"),
        ("why", "verificationSystem"),
    ] {
        let says = answers.iter().any(|answer| {
            let facts = answer["facts"].as_array();
            answer["question"] == question
                && facts.is_some_and(|facts| facts.iter().any(|fact| fact["party"] == party))
        });
        ensure!(says, "the {party} says nothing about {question}");
    }
    Ok(count)
}

impl Places<'_> {
    fn program(&self, arguments: &[&str], files: &[&PathBuf]) -> Result<Output> {
        let mut command = Command::new(self.root.join(&self.sluis));
        command.current_dir(self.root).args(arguments).args(files);
        let output = command.stdin(Stdio::null()).output();
        output.with_context(|| format!("{}", self.sluis.display()))
    }

    /// A command of `sluis log` about the validator's log at its address.
    fn by_url(&self, arguments: &[&str]) -> Result<Output> {
        let (url, origin) = (format!("http://{}", self.gate), World::log_origin()?);
        let auditor = self.auditor_key.display().to_string();
        let from = [
            "--url",
            &url,
            "--auditor-key-file",
            &auditor,
            "--log",
            origin.as_str(),
            "--auditor",
            "dpo",
            "--purpose",
            "audit",
        ];
        self.program(&[&["log"][..], arguments, &from].concat(), &[])
    }
}

/// Asks again while the log is behind, as for an outcome that is recorded after the answer.
fn until(ask: impl Fn() -> Result<Output>, good: impl Fn(&Output) -> bool) -> Result<Output> {
    for _ in 1..ATTEMPTS {
        let output = ask()?;
        if good(&output) {
            return Ok(output);
        }
        thread::sleep(PAUSE);
    }
    let output = ask()?;
    succeeded(&output)?;
    Ok(output)
}

fn succeeded(output: &Output) -> Result<&Output> {
    ensure!(
        output.status.success(),
        "{}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

/// A call that was made, as its two other parties know it.
struct Call {
    claims: Value,
    hash: String,
    /// The validator's trace id.
    answer: String,
    status: u16,
}

impl Call {
    fn make(places: &Places<'_>) -> Result<Self> {
        let minted = Request::post_json("/simulation/token", "{}").send(places.simulation)?;
        minted.expect_status(200)?;
        let minted = minted.json()?;
        let token = minted["access_token"].as_str().context("no token")?;
        let claims = token.split('.').nth(1).context("no claims")?;
        let claims = Base64UrlUnpadded::decode_vec(claims).map_err(|e| anyhow::anyhow!("{e}"))?;
        let mut hash = String::new();
        for byte in Sha256::digest(token.as_bytes()) {
            write!(hash, "{byte:02x}")?;
        }
        let request = Request::post_json("/pension/v1/rights/get", PERSON);
        let answer = request
            .bearer(token)
            .with("belgov-trace-id", CALLER)
            .send(places.gate)?;
        answer.expect_status(200)?;
        Ok(Self {
            claims: serde_json::from_slice(&claims)?,
            hash,
            answer: answer
                .header("belgov-trace-id")
                .context("no trace id")?
                .to_owned(),
            status: answer.status,
        })
    }

    fn claim(&self, name: &str) -> Result<&str> {
        self.claims[name]
            .as_str()
            .with_context(|| format!("no {name} in the token"))
    }

    fn of_the_system(&self) -> Result<String> {
        let detail = &self.claims["authorization_details"][0];
        let (issuer, id, kind) = (
            &self.claims["iss"],
            &detail["mandateId"],
            &detail["mandateType"],
        );
        let at = self.claims["iat"].as_u64().context("no iat")? * 1_000;
        let granted = json!({"party": "verificationSystem", "issuer": issuer, "mandateId": id, "mandateType": kind, "grantLevel": 400});
        let token = json!({
            "party": "verificationSystem", "traceId": "issue-1", "tokenId": self.claim("jti")?, "tokenHash": self.hash,
            "verificationSystem": "simCbss", "issuer": issuer, "mandateId": id, "mandateType": kind,
            "holderEnterpriseNumber": detail["holder"]["enterpriseNumber"], "subjectPseudonym": self.claim("sub")?,
        });
        let service = "be.example.mandates.v1";
        Ok(line(
            service,
            "mandates.notify.granted",
            at - 86_400_000,
            &granted,
        )? + &line(service, "tokens.notify.issued", at, &token)?)
    }

    fn of_the_holder(&self) -> Result<String> {
        let at = self.claims["iat"].as_u64().context("no iat")? * 1_000;
        let sent = json!({"party": "mandateHolder", "traceId": CALLER, "tokenHash": self.hash, "userRef": "adviser-17", "channel": "api"});
        let got = json!({
            "party": "mandateHolder", "traceId": CALLER, "relatedTraceId": self.answer, "tokenHash": self.hash,
            "httpStatus": self.status,
        });
        let service = "be.example.advice.v1";
        Ok(line(service, "requests.notify.sent", at, &sent)?
            + &line(service, "responses.notify.received", at + 1, &got)?)
    }
}

/// A line of a party's log (TRACING.md).
fn line(service: &str, kind: &str, ms: u64, data: &Value) -> Result<String> {
    let time = sluis_tests::issuer::instant(ms)?;
    let line = json!({
        "specversion": "1.0", "id": kind, "source": format!("urn:{service}"), "service": service,
        "type": format!("{service}.{kind}"), "time": time, "data": data,
    });
    Ok(format!("{line}\n"))
}
