//! A differential test: tokens that are generated from a seed and changed at every level, judged
//! by the token layer, by the npm packages `jose` and `oauth4webapi`, and by the crate
//! `jsonwebtoken`, all with the same keys, issuer, audience and moment.
//!
//! Every disagreement is our fault, or explained by a rule of
//! `tests/vectors/differential/rules.toml`; one that no rule explains fails, and so does a rule
//! that explains nothing. The report is `target/differential/report.md`.

#![expect(
    clippy::print_stdout,
    reason = "the counts are for the person who runs the test"
)]

mod draft;
mod members;
mod mutation;
mod party;
mod peer;
mod random;
mod report;
mod rules;
mod signature;
mod verdict;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::draft::Draft;
use crate::mutation::Mutation;
use crate::party::Party;
use crate::peer::Peer;
use crate::random::Random;
use crate::report::{Judged, Report};
use crate::rules::{Library, Rules};
use crate::verdict::JsonWebToken;

/// Tokens between two exchanges with Node.
const BATCH: usize = 2000;

/// From this many tokens on, a rule that explains nothing fails the run: with fewer, chance may
/// leave one out.
const ENOUGH_FOR_EVERY_RULE: usize = 50_000;

/// Compare verdicts on generated and mutated tokens with those of other libraries.
#[derive(Parser)]
#[command(name = "sluis-differential", version)]
struct Arguments {
    /// How many tokens.
    #[arg(long, default_value_t = 100_000)]
    tokens: usize,
    /// What the choices are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The Node to run the peers with; `npm ci` must have been run in the workspace.
    #[arg(long, default_value = "node")]
    node: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let root = sluis_independent::workspace();
    let mutations = mutation::all();
    let names: BTreeSet<&str> = mutations.iter().map(|mutation| mutation.name).collect();
    let rules = Rules::read(&root.join("tests/vectors/differential/rules.toml"), &names)?;
    let party = Party::new()?;
    let jsonwebtoken = JsonWebToken::new(&party.jwks)?;
    let script = root.join("tests/differential/peer.mjs");
    let mut peer = Peer::start(&arguments.node, &script, &party.jwks)?;
    let mut random = Random::new(arguments.seed);
    let mut report = Report::default();
    let mut left = arguments.tokens;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        let mut tokens = Vec::with_capacity(batch);
        let mut changes = Vec::with_capacity(batch);
        for _ in 0..batch {
            let draft = mutated(&mutations, &mut random);
            tokens.push(draft.token(&party)?);
            changes.push(draft.labels);
        }
        let (own, theirs) = thread::scope(|scope| {
            let theirs = scope.spawn(|| peer.judge(&tokens));
            let own: Vec<_> = tokens
                .iter()
                .map(|token| (verdict::ours(&party, token), jsonwebtoken.judge(token)))
                .collect();
            match theirs.join() {
                Ok(theirs) => theirs.map(|theirs| (own, theirs)),
                Err(_) => bail!("the exchange with Node panicked"),
            }
        })?;
        for (((token, changes), (ours, third)), two) in
            tokens.iter().zip(&changes).zip(&own).zip(&theirs)
        {
            let judged = Judged {
                token,
                changes,
                ours: verdict::name(ours),
                theirs: [
                    (Library::Jose, verdict::name(&two.jose)),
                    (Library::Oauth4webapi, verdict::name(&two.oauth4webapi)),
                    (Library::Jsonwebtoken, verdict::name(third)),
                ],
            };
            report.add(&rules, &judged);
        }
    }
    let folder = root.join("target/differential");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    fs::write(
        folder.join("report.md"),
        report.text(&rules, arguments.seed),
    )?;
    for line in report.counts() {
        println!("COUNT: {line}");
    }
    report.check(&rules, arguments.tokens >= ENOUGH_FOR_EVERY_RULE)
}

/// A good token, mostly with one change, now and then with none, two or three.
fn mutated(mutations: &[&'static Mutation], random: &mut Random) -> Draft {
    let mut draft = Draft::good(random);
    let times = match random.below(10) {
        0 => 0,
        8 => 2,
        9 => 3,
        _ => 1,
    };
    for _ in 0..times {
        if let Some(mutation) = mutations.get(random.below(mutations.len())) {
            (mutation.apply)(&mut draft, random);
            draft.labels.push(mutation.name);
        }
    }
    draft
}
