//! `sluis catalogue`: check the catalogue of deliberations, show how it stands at a moment, print its digest.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sluis_policy::{Catalogue, CatalogueError, MandateType, Standing};
use sluis_token::UnixTime;
use thiserror::Error;

use crate::clock;
use crate::files::{FileFailure, name_of, read_text};

/// What to do with a catalogue.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogueCommand {
    /// Check it as a build does; names the line and what was expected there
    Check(CatalogueArguments),
    /// Show the deliberations, mandate types and statutory bases as they stand at a moment
    Show(ShowArguments),
    /// Print its SHA-256, which every decision names
    Digest(CatalogueArguments),
}

#[derive(Debug, Args)]
pub(crate) struct CatalogueArguments {
    /// The catalogue; - for standard input
    #[arg(value_name = "FILE", default_value = "catalogue.toml")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    catalogue: CatalogueArguments,
    /// The moment, such as 2024-12-18T00:00:00+01:00, or seconds since 1970; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::parse)]
    at: Option<UnixTime>,
}

/// Why a catalogue command failed.
#[derive(Debug, Error)]
pub(crate) enum CatalogueFailure {
    #[error(transparent)]
    File(#[from] FileFailure),
    #[error("{name}: {error}")]
    Wrong { name: String, error: CatalogueError },
}

impl CatalogueFailure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) => FileFailure::EXIT_CODE,
            Self::Wrong { .. } => 3,
        }
    }
}

/// Runs the command and writes what it has to say.
pub(crate) fn run(
    command: &CatalogueCommand,
    out: &mut impl Write,
) -> Result<(), CatalogueFailure> {
    let lines = match command {
        CatalogueCommand::Check(arguments) => {
            let catalogue = read(arguments)?;
            vec![format!(
                "{}: good: {} deliberations, {} mandate types, {} statutory bases",
                name_of(&arguments.file),
                catalogue.deliberations().count(),
                catalogue.mandate_types().count(),
                catalogue.statutory_bases().count(),
            )]
        }
        CatalogueCommand::Show(arguments) => {
            let at = arguments.at.map_or_else(clock::now, Ok)?;
            show(&read(&arguments.catalogue)?, at)
        }
        // The form of sha256sum, so that `sha256sum --check` takes it.
        CatalogueCommand::Digest(arguments) => {
            let digest = hexadecimal(read(arguments)?.digest());
            vec![format!("{digest}  {}", arguments.file.display())]
        }
    };
    let write = |line: &String| writeln!(out, "{line}").map_err(FileFailure::Output);
    Ok(lines.iter().try_for_each(write)?)
}

fn read(arguments: &CatalogueArguments) -> Result<Catalogue, CatalogueFailure> {
    read_catalogue(&arguments.file)
}

/// The catalogue in a file.
pub(crate) fn read_catalogue(path: &Path) -> Result<Catalogue, CatalogueFailure> {
    let text = read_text(path)?;
    Catalogue::from_toml(&text).map_err(|error| CatalogueFailure::Wrong {
        name: name_of(path),
        error,
    })
}

fn show(catalogue: &Catalogue, at: UnixTime) -> Vec<String> {
    let mut lines = vec![
        format!(
            "At {}, catalogue {}",
            clock::show(at),
            hexadecimal(catalogue.digest())
        ),
        String::new(),
        "Deliberations".to_owned(),
    ];
    lines.extend(catalogue.deliberations().map(|entry| {
        let standing = standing(catalogue, entry.number(), at);
        let fictitious = if entry.is_simulation_only() {
            ", simulation only"
        } else {
            ""
        };
        format!(
            "  {:<8} {:<10} {standing}{fictitious}: {}",
            entry.number(),
            entry.kind(),
            entry.title().en
        )
    }));
    lines.extend([String::new(), "Mandate types".to_owned()]);
    lines.extend(
        catalogue
            .mandate_types()
            .flat_map(|entry| [mandate_type(catalogue, entry, at), logs(entry)]),
    );
    lines.extend([String::new(), "Statutory bases".to_owned()]);
    lines.extend(catalogue.statutory_bases().map(|entry| {
        let number = entry.deliberation();
        let standing = standing(catalogue, number.as_str(), at);
        let purposes = join(entry.purposes());
        format!(
            "  {:<22} {number} {standing}; purposes {purposes}; retention {}",
            entry.code(),
            entry.retention()
        )
    }));
    lines
}

fn mandate_type(catalogue: &Catalogue, entry: &MandateType, at: UnixTime) -> String {
    let mut line = format!("  {:<22}", entry.code());
    let withdrawn = entry.withdrawn_from().filter(|from| at >= from.moment());
    for number in entry.deliberations() {
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            " {number} {};",
            standing(catalogue, number.as_str(), at)
        );
    }
    if let Some(from) = withdrawn {
        let _ = write!(line, " withdrawn from {from};");
    }
    let _ = write!(
        line,
        " purposes {}; holder {}; at most {}; retention {}",
        join(entry.purposes()),
        entry.holder_identity(),
        entry.max_mandate_duration(),
        entry.retention()
    );
    line
}

/// Who keeps which logs of its calls (M-21.4).
fn logs(entry: &MandateType) -> String {
    let rows = entry.logging().iter();
    let rows: Vec<String> = rows
        .map(|row| format!("{} {}", row.party(), join(row.records())))
        .collect();
    format!("  {:<22} logs {}", "", rows.join("; "))
}

fn standing(catalogue: &Catalogue, number: &str, at: UnixTime) -> String {
    match catalogue.standing(number, at) {
        Some(Standing::InForce(version)) => {
            format!(
                "in force as version {} of {}",
                version.version(),
                version.adopted_on()
            )
        }
        Some(Standing::NotYet { from }) => format!("not yet in force, from {}", clock::show(from)),
        Some(Standing::Ended { at }) => format!("ended at {}", clock::show(at)),
        Some(Standing::Repealed { by, at }) => format!("repealed by {by} from {}", clock::show(at)),
        None => "unknown".to_owned(),
    }
}

fn join<T: ToString>(values: &[T]) -> String {
    values
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn hexadecimal(bytes: [u8; 32]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
