//! `cargo xtask bench`: requests per second and CPU per request, ours and a peer's side by side in one run.
//!
//! | runtime | peer |
//! |---|---|
//! | workerd | the same Worker in JavaScript with npm `jose` (`xtask/bench/peer`) |
//! | workerd, Spin | raw native verification with aws-lc-rs (`xtask/bench/native`) |
//!
//! `--appends` measures instead how many entries a second one log takes and four.
//!
//! Both sides without a log, and both with the same durable one. Rounds of all contenders alternate, so that what else the machine
//! does meets all of them; every figure is a median over the rounds, beside its spread. Everything is on loopback, and ends by itself.

mod appends;
mod contenders;
mod cores;
mod measure;
mod native;
mod noise;
mod report;
mod tokens;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use sluis_tests::issuer::ALGORITHMS;
use sluis_tests::runtime::{Build, Function};
use sluis_token::Algorithm;

use crate::build::{self, Configured, Effort, Platform, SIMULATION_CONFIG};
use contenders::{Contender, Party};
use measure::{Pace, Scenario, alternate};
use noise::Noise;
use report::Report;
use tokens::Tokens;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write a row a measure to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Short rounds: to see that it runs, not to quote.
    #[arg(long)]
    quick: bool,
    /// Leave the Spin component out.
    #[arg(long, conflicts_with = "appends")]
    no_spin: bool,
    /// Appends per second alone: four logs against one, on Durable Objects, SQLite and PostgreSQL.
    #[arg(long)]
    appends: bool,
}

/// Runs the benchmark.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let pace = if arguments.quick {
        Pace {
            rounds: 3,
            time: Duration::from_millis(400),
            tokens: 2_500,
        }
    } else {
        Pace {
            rounds: 7,
            time: Duration::from_millis(1_500),
            tokens: 6_000,
        }
    };
    prepare(root, !arguments.no_spin)?;
    let noise = Noise::begin()?;
    let party = Party::new(root)?;
    let mut report = Report::default();
    if arguments.appends {
        appends::prepare(root)?;
        cores::take_the_other()?;
        appends::measure(&party, &pace, &mut report)?;
    } else {
        let native = native::measure(root, &party)?;
        cores::take_the_other()?;
        workerd(&party, &pace, &native, &mut report)?;
        if !arguments.no_spin {
            spin(&party, &pace, &native, &mut report)?;
        }
    }
    report.noise(&noise.end()?);
    report.print();
    if let Some(file) = &arguments.json {
        report.write(file)?;
        println!("written: {}", file.display());
    }
    Ok(())
}

fn prepare(root: &Path, spin: bool) -> Result<()> {
    crate::setup::setup(root)?;
    let config = &Configured::of(root, Build::Simulation)?;
    build::cloudflare(root, config, Function::Validator, Effort::Release)?;
    let bench = Path::new(SIMULATION_CONFIG);
    build::worker(root, bench, &contenders::forgetful(), Effort::Release)?;
    contenders::bundle_peer(root)?;
    native::build(root)?;
    if spin {
        build::build(
            root,
            config,
            Function::Validator,
            Platform::Spin,
            Effort::Release,
        )?;
        crate::steps::run(&mut crate::setup::cargo(
            root,
            ["build", "--quiet", "--package", "sluis-spin-host"],
        ))?;
    }
    Ok(())
}

/// Everything on workerd.
fn workerd(
    party: &Party,
    pace: &Pace,
    native: &native::Figures,
    report: &mut Report,
) -> Result<()> {
    let ours = party.start(Contender::Forgetful)?;
    let peer = party.start(Contender::Peer { log: false })?;
    let noop = Scenario::key_set();
    let rows = alternate(pace, &[(&ours, &noop), (&peer, &noop)])?;
    report.pair("no-op", "workerd", "jose", &rows);

    for algorithm in ALGORITHMS {
        let tokens = Tokens::mint(party, algorithm, pace.tokens)?;
        let (fresh, seen) = (Scenario::fresh(&tokens), Scenario::seen(&tokens));
        let rows = alternate(
            pace,
            &[
                (&ours, &fresh),
                (&peer, &fresh),
                (&ours, &seen),
                (&peer, &seen),
            ],
        )?;
        let name = algorithm.as_str();
        let (first, again) = rows.split_at(2);
        report.pair(
            &format!("allowed, first seen, {name}"),
            "workerd",
            "jose",
            first,
        );
        report.pair(
            &format!("allowed, seen before, {name}"),
            "workerd",
            "jose",
            again,
        );
        report.native(
            &format!("allowed, first seen, {name}"),
            "workerd",
            first,
            native.of(algorithm)?,
        );
        if algorithm == Algorithm::EdDsa {
            let forged = Scenario::forged(&tokens);
            let rows = alternate(pace, &[(&ours, &forged), (&peer, &forged)])?;
            report.pair("refused, forged, EdDSA", "workerd", "jose", &rows);
        }
    }

    let ours_logging = party.start(Contender::Durable)?;
    let peer_logging = party.start(Contender::Peer { log: true })?;
    for algorithm in ALGORITHMS {
        let tokens = Tokens::mint(party, algorithm, pace.tokens)?;
        let (fresh, seen) = (Scenario::fresh(&tokens), Scenario::seen(&tokens));
        let rows = alternate(
            pace,
            &[
                (&ours_logging, &fresh),
                (&peer_logging, &fresh),
                (&ours_logging, &seen),
                (&peer_logging, &seen),
                (&ours, &seen),
            ],
        )?;
        let name = algorithm.as_str();
        let (first, rest) = rows.split_at(2);
        let (again, without) = rest.split_at(2);
        report.pair(
            &format!("with the log, first seen, {name}"),
            "workerd",
            "jose",
            first,
        );
        report.pair(
            &format!("with the log, seen before, {name}"),
            "workerd",
            "jose",
            again,
        );
        if let ([ours, _], [without]) = (again, without) {
            let what = format!("the durable log, seen before, {name}");
            report.cost(&what, "workerd", ours, without);
        }
    }
    Ok(())
}

/// The component on the compatible host. It verifies in WebAssembly, and always with its log.
fn spin(party: &Party, pace: &Pace, native: &native::Figures, report: &mut Report) -> Result<()> {
    let ours = party.start(Contender::Spin)?;
    let noop = Scenario::key_set();
    let rows = alternate(pace, &[(&ours, &noop)])?;
    report.single("no-op", "spin", &rows);
    for algorithm in ALGORITHMS {
        let tokens = Tokens::mint(party, algorithm, pace.tokens)?;
        let (fresh, seen) = (Scenario::fresh(&tokens), Scenario::seen(&tokens));
        let forged = Scenario::forged(&tokens);
        let rows = alternate(pace, &[(&ours, &fresh), (&ours, &seen), (&ours, &forged)])?;
        let [first, again, refused] = rows.as_slice() else {
            anyhow::bail!("a row is missing");
        };
        let name = algorithm.as_str();
        let native = native.of(algorithm)?;
        report.native(
            &format!("with the log, first seen, {name}"),
            "spin",
            std::slice::from_ref(first),
            native,
        );
        report.single(
            &format!("with the log, seen before, {name}"),
            "spin",
            std::slice::from_ref(again),
        );
        // A forged token is verified and leaves no entry: verification without the log.
        report.native(
            &format!("refused, forged, {name}"),
            "spin",
            std::slice::from_ref(refused),
            native,
        );
    }
    Ok(())
}
