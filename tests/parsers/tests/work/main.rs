//! A bound on the work of every parser: instructions for an input, not more than a constant and
//! so many a byte.
//!
//! A clock would say more of the machine than of the parser. So the parsers are compiled to
//! WebAssembly as the functions are, and run where each instruction is counted: over the fuzz
//! corpus, over changes of it, and over inputs that are made to be expensive, up to the longest
//! that a parser looks at.

#![expect(
    clippy::print_stdout,
    reason = "the counts are for the person who runs the tests"
)]

mod guest;
mod shapes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use sluis_parsers::{PARSERS, Parser};

use crate::guest::Parsers;

/// Changed copies of each file of the corpus.
const CHANGES: usize = 60;

/// Names the parser whose costs are printed one by one, the dearest first.
const SHOW: &str = "SLUIS_SHOW_WORK";

fn main() -> ExitCode {
    // Only the tests that are wanted are built for.
    let trial = Trial::test("work is bounded", || {
        run().map_err(|error| Failed::from(format!("{error:#}")))
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

fn run() -> Result<()> {
    let root = root();
    let parsers = Parsers::build(&root)?;
    let mut failed = Vec::new();
    let mut lines = Vec::new();
    for (place, parser) in PARSERS.iter().enumerate() {
        match measure(&parsers, &root, place, parser) {
            Ok(line) => lines.push(line),
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    println!();
    for line in lines {
        println!("COUNT: {line}");
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// One input's cost.
struct Cost {
    name: String,
    bytes: u64,
    work: u64,
}

fn measure(parsers: &Parsers, root: &Path, place: usize, parser: &Parser) -> Result<String> {
    let mut guest = parsers.instance()?;
    // What is made once and kept is no input's work.
    guest.work(place, b"")?;
    let mut costs = Vec::new();
    for (name, input) in inputs(root, parser)? {
        let work = guest
            .work(place, &input)
            .with_context(|| format!("{}: {name}", parser.name))?;
        costs.push(Cost {
            name,
            bytes: u64::try_from(input.len())?,
            work,
        });
    }
    costs.sort_by_key(|cost| std::cmp::Reverse(cost.work));
    if std::env::var(SHOW).is_ok_and(|name| name == parser.name) {
        for Cost { name, bytes, work } in costs.iter().take(25) {
            println!("{work:>14} for {bytes:>8} bytes: {name}");
        }
    }
    let over: Vec<String> = costs
        .iter()
        .filter(|cost| cost.work > parser.base + parser.per_byte * cost.bytes)
        .map(|Cost { name, bytes, work }| format!("{name}: {work} for {bytes} bytes"))
        .collect();
    let Parser {
        name,
        base,
        per_byte,
        ..
    } = parser;
    if !over.is_empty() {
        bail!(
            "{name}: more than {base} + {per_byte} a byte:\n  {}",
            over.join("\n  ")
        );
    }
    let most = costs.first().context("no input")?;
    Ok(format!(
        "Work, {name}: {} inputs, at most {} instructions ({} for {} bytes); bound {base} + {per_byte} a byte",
        costs.len(),
        most.work,
        most.name,
        most.bytes
    ))
}

fn inputs(root: &Path, parser: &Parser) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = root.join("fuzz/corpus").join(parser.name);
    let mut inputs = Vec::new();
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let bytes = fs::read(&file)?;
        for number in 1..=CHANGES {
            inputs.push((format!("{name}, change {number}"), changed(&bytes, number)));
        }
        inputs.push((name.into_owned(), bytes));
    }
    // Doubling shows what grows faster than the input.
    let mut size = parser.longest;
    for _ in 0..4 {
        for (name, input) in shapes::of(parser.name, size) {
            inputs.push((format!("{name} of {size}"), input));
        }
        size /= 2;
    }
    for (name, input) in shapes::of(parser.name, 2 * parser.longest) {
        inputs.push((format!("{name}, too long"), input));
    }
    Ok(inputs)
}

/// A copy in which a few bytes are others, by number.
fn changed(bytes: &[u8], number: usize) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    let length = copy.len().max(1);
    for step in 1..=3 {
        let place = number.wrapping_mul(7919).wrapping_add(step * 104_729) % length;
        if let Some(byte) = copy.get_mut(place) {
            *byte = byte.rotate_left(3) ^ number.to_le_bytes()[0];
        }
    }
    copy
}
