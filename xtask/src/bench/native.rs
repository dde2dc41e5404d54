//! The yardstick: one signature, natively.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluis_tests::issuer::ALGORITHMS;
use sluis_token::Algorithm;

use super::contenders::Party;
use super::tokens::Tokens;
use crate::setup::cargo;
use crate::steps::run;

const PACKAGE: &str = "sluis-bench-native";
/// Tokens a measure.
const TOKENS: usize = 64;

/// Microseconds of one verification, by algorithm.
#[derive(Debug)]
pub(crate) struct Figures(HashMap<String, f64>);

impl Figures {
    pub(crate) fn of(&self, algorithm: Algorithm) -> Result<f64> {
        self.0
            .get(algorithm.as_str())
            .copied()
            .context("no native figure")
    }
}

/// Builds the yardstick, optimised.
pub(crate) fn build(root: &Path) -> Result<()> {
    run(&mut cargo(
        root,
        ["build", "--quiet", "--release", "--package", PACKAGE],
    ))
}

/// Runs it.
pub(crate) fn measure(root: &Path, party: &Party) -> Result<Figures> {
    let mut input = String::new();
    for algorithm in ALGORITHMS {
        let tokens = Tokens::mint(party, algorithm, TOKENS)?;
        let key: Value =
            serde_json::from_str(&party.issuers.cbss.key(algorithm)?.public_jwk_json())?;
        let task = json!({ "algorithm": algorithm.as_str(), "key": key, "tokens": tokens.0 });
        input.push_str(&task.to_string());
        input.push('\n');
    }
    let program = root.join("target/release").join(PACKAGE);
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    child
        .stdin
        .take()
        .context("no standard input")?
        .write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "{PACKAGE} failed, {}",
        output.status
    );
    let mut figures = HashMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let outcome: Value = serde_json::from_str(line)?;
        let name = outcome
            .get("algorithm")
            .and_then(Value::as_str)
            .context("an algorithm")?;
        let micros = outcome
            .get("micros")
            .and_then(Value::as_f64)
            .context("a time")?;
        figures.insert(name.to_owned(), micros);
    }
    Ok(Figures(figures))
}
