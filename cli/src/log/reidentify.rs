//! `sluis log reidentify`: who a hidden holder is, told to an institution and a supervisor together and to neither
//! alone (M-15.4, M-22.1). Files only: how they travel is the parties' own.
//!
//! Every step writes its record to the party's own log first. What cannot be recorded is not done.

mod arguments;
mod failure;
mod party_log;

use std::io::Write;
use std::path::{Path, PathBuf};

use sluis_log::SignedNote;
use sluis_log::reidentify::{
    Author, HolderNumber, PAIR_BYTES, ReidentificationRequest, Requesters, SplitRandoms, Step,
    VerifiedHalf, VerifiedRequest, combine as combined,
};
use zeroize::Zeroizing;

pub(crate) use arguments::ReidentifyCommand;
pub(crate) use failure::ReidentifyFailure;

use super::failure::LogFailure;
use super::trace::{PartyFile, PartyLog};
use crate::clock::now_millis;
use crate::files::{name_of, read_text, write_secret};
use crate::keys::{KeysFailure, random_bytes, read_signer};
use arguments::{AnswerArguments, CombineArguments, RequestArguments, RequestFrom};

/// Runs the command and writes what it has to say.
pub(crate) fn run(command: &ReidentifyCommand, out: &mut impl Write) -> Result<(), LogFailure> {
    match command {
        ReidentifyCommand::Request(arguments) => request(arguments)?,
        ReidentifyCommand::Answer(arguments) => answer(arguments)?,
        ReidentifyCommand::Combine(arguments) => combine(arguments, out)?,
    }
    Ok(())
}

fn request(arguments: &RequestArguments) -> Result<(), ReidentifyFailure> {
    let signer = read_signer(&arguments.signer.name, &arguments.signer.key_file)?;
    let asked = ReidentificationRequest::new(
        &arguments.issuer,
        (&arguments.token_id, &arguments.token_hash),
        (arguments.reason, &arguments.reference),
        now_millis()?,
        random_bytes()?,
    )
    .map_err(ReidentifyFailure::Asked)?;
    let note = asked.sign(&signer).map_err(ReidentifyFailure::Asked)?;
    let log = party_log::PartyLogFile::open(&arguments.record.record)?;
    wanted_new(&[&arguments.out])?;
    let author = arguments.record.author(arguments.party);
    log.append(&record(&author, Step::Requested, &asked)?)?;
    write_note(&arguments.out, &note)
}

fn answer(arguments: &AnswerArguments) -> Result<(), ReidentifyFailure> {
    let signer = read_signer(&arguments.signer.name, &arguments.signer.key_file)?;
    let verified = verified(&arguments.from)?;
    let issued = PartyLog {
        party: arguments.party,
        path: arguments.issued.clone(),
    };
    let mut issued = PartyFile::open(&issued)?;
    let found = loop {
        match issued.next()? {
            Some(record) if verified.is_of(&record) => break record,
            Some(_) => {}
            None => return Err(ReidentifyFailure::NotIssued(arguments.issued.clone())),
        }
    };
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error| ReidentifyFailure::Procedure { path, error }
    };
    let request = &arguments.from.request;
    let answerable = verified
        .answerable(now_millis()?, &found)
        .map_err(of(request))?;
    let text = read_text(&arguments.holder)?;
    let holder =
        HolderNumber::parse(text.trim()).map_err(|error| ReidentifyFailure::Procedure {
            path: name_of(&arguments.holder).into(),
            error,
        })?;
    let mut mask = Zeroizing::new([0; _]);
    getrandom::fill(mask.as_mut_slice()).map_err(|_| KeysFailure::NoRandomness)?;
    let pair: [u8; PAIR_BYTES] = random_bytes()?;
    let randoms = SplitRandoms { mask, pair };
    let (institution, supervisor) = answerable
        .split(&holder, randoms, &signer)
        .map_err(of(request))?;
    let log = party_log::PartyLogFile::open(&arguments.record.record)?;
    wanted_new(&[&arguments.institution_out, &arguments.supervisor_out])?;
    let author = arguments.record.author(arguments.party);
    let line = record(&author, Step::Answered(pair), answerable.request())?;
    log.append(&line)?;
    write_note(&arguments.institution_out, &institution)?;
    write_note(&arguments.supervisor_out, &supervisor)
}

fn combine(arguments: &CombineArguments, out: &mut impl Write) -> Result<(), ReidentifyFailure> {
    let request = verified(&arguments.from)?;
    let half = |path: &PathBuf| {
        let half = VerifiedHalf::verify(&note(path)?, &arguments.system);
        half.map_err(|error| ReidentifyFailure::Procedure {
            path: path.clone(),
            error,
        })
    };
    let halves = arguments.halves.iter().map(half);
    let halves = halves.collect::<Result<Vec<_>, _>>()?;
    let [one, other] = halves.as_slice() else {
        return Err(ReidentifyFailure::TwoHalves);
    };
    let holder = combined(&request, one, other).map_err(ReidentifyFailure::Halves)?;
    let log = party_log::PartyLogFile::open(&arguments.record.record)?;
    wanted_new(arguments.out.as_slice())?;
    let author = arguments.record.author(arguments.party);
    let line = record(&author, Step::Combined(*one.pair()), request.request())?;
    log.append(&line)?;
    Ok(write_secret(arguments.out.as_ref(), holder.expose(), out)?)
}

/// The request note, its signature and who may have made it verified.
fn verified(from: &RequestFrom) -> Result<VerifiedRequest, ReidentifyFailure> {
    let (institution, supervisor) = (from.institution.clone(), from.supervisor.clone());
    let requesters = Requesters::new(institution, supervisor).map_err(ReidentifyFailure::Keys)?;
    let verified = VerifiedRequest::verify(&note(&from.request)?, requesters);
    verified.map_err(|error| ReidentifyFailure::Procedure {
        path: from.request.clone(),
        error,
    })
}

fn note(path: &Path) -> Result<SignedNote, ReidentifyFailure> {
    let text = read_text(path)?;
    SignedNote::parse(text.as_bytes()).map_err(|error| ReidentifyFailure::Procedure {
        path: path.to_owned(),
        error: error.into(),
    })
}

fn record(
    author: &Author,
    step: Step,
    request: &ReidentificationRequest,
) -> Result<String, ReidentifyFailure> {
    let line = author.record(step, request, now_millis()?);
    line.map_err(ReidentifyFailure::Record)
}

/// A step that would fail at its last write is not recorded.
fn wanted_new<P: AsRef<Path>>(paths: &[P]) -> Result<(), ReidentifyFailure> {
    let there = paths.iter().map(AsRef::as_ref).find(|path| path.exists());
    there.map_or(Ok(()), |path| {
        let name = path.display().to_string();
        Err(crate::files::FileFailure::Exists { name }.into())
    })
}

fn write_note(path: &PathBuf, note: &SignedNote) -> Result<(), ReidentifyFailure> {
    let text = Zeroizing::new(note.to_string());
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(write_secret(Some(path), text, &mut std::io::sink())?)
}
