//! `sluis custody`: the register of who has which carrier of protected data, at each moment (17/020: S-17, S-18, S-A.21).
//!
//! The register is a log in a folder, as `sluis log export --dir` leaves one; `sluis log fsck`, `prove`, `verify` and
//! `witness ask` take it as it is. Every command replays it first: a record that the ones before do not allow is not
//! written, and one that stands there all the same is named.

mod arguments;
mod book;
mod failure;
mod place;
mod settings;
mod show;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;

use sluis_log::{CommitmentRandom, CustodyEvent, EntryId, Envelope, NoteSigner, PolicyDigest};

pub(crate) use arguments::CustodyCommand;
pub(crate) use failure::CustodyFailure;

use crate::clock::now_millis;
use crate::files::FileFailure;
use crate::keys::{random_bytes, read_signer};
use arguments::{BeginArguments, RecordCommand};
use book::Book;
use settings::Settings;

/// Runs the command and writes what it has to say.
pub(crate) fn run(command: &CustodyCommand, out: &mut impl Write) -> Result<(), CustodyFailure> {
    match command {
        CustodyCommand::Begin(arguments) => begin(arguments, out),
        CustodyCommand::Record(command) => record(command, out),
        CustodyCommand::Show(arguments) => show::show(arguments, out),
        CustodyCommand::Check(arguments) => show::check(arguments, out),
    }
}

/// Makes a register with nothing in it.
fn begin(arguments: &BeginArguments, out: &mut impl Write) -> Result<(), CustodyFailure> {
    let settings = Settings::read(&arguments.register.config)?;
    let signer = signer(&arguments.key_file, &settings)?;
    Book::begin(&settings, &signer)?;
    let written = writeln!(out, "{}: begun", settings.origin);
    Ok(written.map_err(FileFailure::Output)?)
}

/// Records one thing that happened.
fn record(command: &RecordCommand, out: &mut impl Write) -> Result<(), CustodyFailure> {
    let recording = command.recording();
    let settings = Settings::read(&recording.begun.register.config)?;
    let signer = signer(&recording.begun.key_file, &settings)?;
    let carrier = recording.carrier()?;
    let happened_at = recording.at.map_or_else(now_millis, Ok)?;
    let action = command.action(&settings, happened_at)?;
    let mut book = Book::open_to_write(&settings)?;
    let now = now_millis()?;
    let event = CustodyEvent {
        basis: settings.basis.clone(),
        deliberation: settings.deliberation.clone(),
        carrier,
        happened_at,
        action,
    };
    let envelope = Envelope {
        source: &settings.source,
        id: EntryId::from_random(random_bytes()?),
        at: now,
        policy: PolicyDigest(settings.catalogue.digest()),
    };
    let random = CommitmentRandom::new(random_bytes()?);
    let index = book.append(&envelope, &event, random, &signer)?;
    let (carrier, action) = (&event.carrier, event.action.as_str());
    let written = writeln!(out, "record {index}: {carrier} {action}");
    Ok(written.map_err(FileFailure::Output)?)
}

fn signer(path: &Path, settings: &Settings) -> Result<NoteSigner, CustodyFailure> {
    let signer = read_signer(settings.key.name(), path)?;
    if signer.verifier().to_string() == settings.key.to_string() {
        Ok(signer)
    } else {
        Err(CustodyFailure::OtherKey(path.to_owned()))
    }
}
