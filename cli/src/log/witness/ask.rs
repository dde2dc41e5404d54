//! `sluis log witness ask`: have a checkpoint cosigned, and keep the cosignature with it.

use std::io::Write;

use sluis_log::{
    AddCheckpoint, MAX_NOTE_BYTES, NoteSignature, Quorum, consistency_proof, consistency_tiles,
};
use ureq::Agent;

use super::AskArguments;
use crate::files::{Readers, replace};
use crate::log::failure::LogFailure;
use crate::log::remote::agent;
use crate::log::tree_source::{CHECKPOINT, TreeSource};
use crate::log::trust::{self, Trusted};
use crate::log::verify::moment;

/// What a witness answered.
enum Answered {
    /// These signature lines.
    Cosigned(String),
    /// Another size was cosigned last.
    Conflict(u64),
}

pub(crate) fn ask(arguments: &AskArguments, out: &mut impl Write) -> Result<(), LogFailure> {
    let AskArguments { from, witness, .. } = arguments;
    let keys = from.choice.keys(&arguments.keys)?;
    let keys = keys.as_slice();
    let log = from.server()?;
    let source = from.source(log.as_ref())?;
    let origin = trust::origin_of(keys, None)?;
    let trusted = trust::checkpoint(&source.checkpoint()?, &origin, keys, &Quorum::none())?;
    let peer = Peer {
        agent: agent(&arguments.to)?,
        url: format!("{}/add-checkpoint", arguments.to.trim_end_matches('/')),
    };
    let answer = peer.cosign(&source, &trusted)?;
    let no_lines = |error: sluis_log::NoteError| peer.odd(format!("no signature lines: {error}"));
    let lines = NoteSignature::parse_lines(&answer).map_err(no_lines)?;
    let own = lines
        .into_iter()
        .filter(|line| line.name() == witness.name() && line.key_id() == witness.id());
    let checkpoint = trusted.checkpoint.clone().with_signatures(own);
    let checkpoint = checkpoint.map_err(LogFailure::Note)?;
    let cosignature = witness
        .cosigned(&checkpoint)
        .map_err(|error| peer.odd(error.to_string()))?
        .ok_or_else(|| {
            peer.odd(format!(
                "it answered without a cosignature of {}",
                witness.name()
            ))
        })?;
    let path = match (&arguments.out, &from.dir) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => from.choice.within(folder)?.join(CHECKPOINT),
        (None, None) => return Err(LogFailure::NoKey),
    };
    let text = checkpoint.note().to_string();
    replace(&path, text.as_bytes(), Readers::Any).map_err(|error| LogFailure::File {
        path: path.clone(),
        error,
    })?;
    writeln!(
        out,
        "{}: size {}, cosigned by {} at {}",
        path.display(),
        checkpoint.head().size,
        cosignature.witness(),
        moment(cosignature.time())
    )
    .map_err(LogFailure::Output)
}

/// A witness.
struct Peer {
    agent: Agent,
    url: String,
}

impl Peer {
    /// Asks for a cosignature; what the witness knows of the log is found out by asking as if it were nothing.
    fn cosign(&self, source: &TreeSource<'_>, trusted: &Trusted) -> Result<String, LogFailure> {
        let mut question = AddCheckpoint {
            old_size: 0,
            proof: Vec::new(),
            checkpoint: trusted.checkpoint.note().clone(),
        };
        let old = match self.question(&question)? {
            Answered::Cosigned(lines) => return Ok(lines),
            Answered::Conflict(old) => old,
        };
        let new = trusted.checkpoint.head().size;
        if old > new {
            return Err(self.odd(format!(
                "it has cosigned {old} entries of this log, and this checkpoint has {new}"
            )));
        }
        let wanted = consistency_tiles(old, new).map_err(LogFailure::Proof)?;
        let tiles = source.tiles(&wanted, new)?;
        question.old_size = old;
        question.proof =
            consistency_proof(old, new, &|id| tiles.get(id)).map_err(LogFailure::Proof)?;
        match self.question(&question)? {
            Answered::Cosigned(lines) => Ok(lines),
            Answered::Conflict(now) => Err(self.odd(format!(
                "it had cosigned {old} entries and now {now}; ask again"
            ))),
        }
    }

    fn question(&self, question: &AddCheckpoint) -> Result<Answered, LogFailure> {
        let unreachable = |error: &ureq::Error| LogFailure::Unreachable {
            url: self.url.clone(),
            problem: error.to_string(),
        };
        let response = self
            .agent
            .post(&self.url)
            .send(question.to_string().as_bytes())
            .map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        let limit = u64::try_from(MAX_NOTE_BYTES).unwrap_or(u64::MAX);
        let body = response.into_body().into_with_config().limit(limit);
        let body = body.read_to_vec().map_err(|error| unreachable(&error))?;
        let text = String::from_utf8(body).map_err(|_| self.odd("no text".to_owned()))?;
        match status {
            200 => Ok(Answered::Cosigned(text)),
            409 => {
                let size = text.strip_suffix('\n').and_then(|size| size.parse().ok());
                // One spelling: no sign and no zeros before it.
                let size = size.filter(|size: &u64| format!("{size}\n") == text);
                let odd = || self.odd("it answered 409 without a size".to_owned());
                size.map(Answered::Conflict).ok_or_else(odd)
            }
            403 | 404 | 422 => {
                let why = text.lines().next().unwrap_or_default();
                let why: String = why.chars().filter(|c| !c.is_control()).take(300).collect();
                Err(LogFailure::WitnessRefused {
                    url: self.url.clone(),
                    status,
                    why,
                })
            }
            _ => Err(LogFailure::Refused {
                url: self.url.clone(),
                status,
            }),
        }
    }

    fn odd(&self, problem: String) -> LogFailure {
        LogFailure::Witness {
            url: self.url.clone(),
            problem,
        }
    }
}
