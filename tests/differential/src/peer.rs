//! The libraries `jose` and `oauth4webapi`, in a Node process.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::party::{AUDIENCE, ISSUER, LIFETIME, NOW, SKEW};
use crate::verdict::Verdict;

/// The process, which answers a line for each line.
pub(crate) struct Peer {
    child: Child,
    to: Option<BufWriter<ChildStdin>>,
    from: BufReader<ChildStdout>,
}

/// What the two libraries say of one token.
pub(crate) struct Verdicts {
    pub(crate) jose: Verdict,
    pub(crate) oauth4webapi: Verdict,
}

impl Peer {
    /// Starts the process; `node` is a Node from version 20 on.
    pub(crate) fn start(node: &Path, script: &Path, jwks: &str) -> Result<Self> {
        let mut child = Command::new(node)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", node.display()))?;
        let mut to = BufWriter::new(child.stdin.take().context("no standard input")?);
        let from = BufReader::new(child.stdout.take().context("no standard output")?);
        let jwks: serde_json::Value = serde_json::from_str(jwks)?;
        let setting = json!({
            "jwks": jwks, "issuer": ISSUER, "audience": AUDIENCE,
            "now": NOW, "skew": SKEW, "lifetime": LIFETIME,
        });
        writeln!(to, "{setting}")?;
        Ok(Self {
            child,
            to: Some(to),
            from,
        })
    }

    /// The verdicts on the tokens, in their order.
    pub(crate) fn judge(&mut self, tokens: &[String]) -> Result<Vec<Verdicts>> {
        let to = self.to.as_mut().context("the process was ended")?;
        let from = &mut self.from;
        thread::scope(|scope| {
            let writer = scope.spawn(move || -> Result<()> {
                for token in tokens {
                    writeln!(to, "{}", serde_json::Value::from(token.as_str()))?;
                }
                to.flush().context("writing to Node")
            });
            let mut verdicts = Vec::with_capacity(tokens.len());
            for _ in tokens {
                let mut line = String::new();
                ensure!(from.read_line(&mut line)? > 0, "Node ended");
                let [jose, oauth4webapi]: [String; 2] =
                    serde_json::from_str(&line).with_context(|| line.clone())?;
                verdicts.push(Verdicts {
                    jose: verdict(jose),
                    oauth4webapi: verdict(oauth4webapi),
                });
            }
            match writer.join() {
                Ok(written) => written.map(|()| verdicts),
                Err(_) => anyhow::bail!("the writer panicked"),
            }
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Without input it ends by itself.
        self.to = None;
        let _ = self.child.wait();
    }
}

fn verdict(said: String) -> Verdict {
    if said.is_empty() { Ok(()) } else { Err(said) }
}
