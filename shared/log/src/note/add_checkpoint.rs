//! The question to a witness, and what it decides (C2SP tlog-witness,
//! add-checkpoint). Storage, the clock and HTTP are the caller's.

use std::fmt;

use thiserror::Error;

use crate::chain::Origin;
use crate::hash::{decimal, hex, sha256};
use crate::note::checkpoint::{CheckpointError, VerifiedCheckpoint};
use crate::note::key::NoteVerifier;
use crate::note::signed::{MAX_NOTE_BYTES, NoteError, SignedNote};
use crate::tree::{ProofError, TreeHash, TreeHead, verify_consistency};

/// Most hashes of a consistency proof: tlog-witness, add-checkpoint.
const MAX_PROOF_LINES: usize = 63;
/// Longest body taken.
const MAX_BODY_BYTES: usize = MAX_NOTE_BYTES + 4 * 1024;

/// The body of a request to `add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is believed to have cosigned last.
    pub old_size: u64,
    /// The proof from there to the checkpoint.
    pub proof: Vec<TreeHash>,
    /// The checkpoint.
    pub checkpoint: SignedNote,
}

/// Why bytes are no such body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddCheckpointError {
    /// Longer than is taken.
    #[error("a body of {0} bytes; {MAX_BODY_BYTES} are taken")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotText,
    /// The first line.
    #[error("the first line is not \"old <size>\"")]
    OldSize,
    /// A hash of the proof.
    #[error("line {0} of the proof is not 32 bytes in base64")]
    Hash(usize),
    /// More hashes than any proof has.
    #[error("more than {MAX_PROOF_LINES} hashes")]
    TooManyHashes,
    /// No empty line before the checkpoint.
    #[error("there is no checkpoint")]
    NoCheckpoint,
    /// The checkpoint is no note.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
}

/// A log that a witness knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessedLog {
    /// Its name.
    pub origin: Origin,
    /// Its keys.
    pub keys: Vec<NoteVerifier>,
}

impl WitnessedLog {
    /// Under which name a witness shows the log's last checkpoint: the SHA-256 of the origin, in hexadecimal
    /// (tlog-witness, Monitor Retrieval Mechanism).
    pub fn origin_hash(&self) -> String {
        hex(&sha256(&[self.origin.as_str().as_bytes()]))
    }
}

/// A checkpoint that extends the one that was cosigned last, and may be cosigned once it is stored in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    old: TreeHead,
    checkpoint: VerifiedCheckpoint,
}

impl Advance {
    /// What must still be stored as the last head when the new one replaces it.
    pub const fn old(&self) -> TreeHead {
        self.old
    }

    /// What to store, and to cosign after that.
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WitnessRefusal {
    /// No checkpoint in the body.
    #[error("{0}")]
    Malformed(CheckpointError),
    /// A log that the witness does not know.
    #[error("the witness does not know the log {0:?}")]
    UnknownOrigin(String),
    /// Not signed by a key of that log.
    #[error("{0}")]
    NotSigned(CheckpointError),
    /// An old size beyond the checkpoint's.
    #[error("the old size {old} is beyond the checkpoint's, {size}")]
    OldBeyondNew {
        /// The old size.
        old: u64,
        /// The checkpoint's.
        size: u64,
    },
    /// Another size was cosigned last.
    #[error("the checkpoint cosigned last has size {0}")]
    Conflict(u64),
    /// The proof does not hold.
    #[error("the checkpoint does not extend the one cosigned last: {0}")]
    Inconsistent(#[from] ProofError),
}

impl WitnessRefusal {
    /// The HTTP status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::OldBeyondNew { .. } => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownOrigin(_) => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent(_) => 422,
        }
    }
}

impl AddCheckpoint {
    /// Longest body taken.
    pub const MAX_BYTES: usize = MAX_BODY_BYTES;

    /// Reads a body, to its last byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, AddCheckpointError> {
        if bytes.len() > MAX_BODY_BYTES {
            return Err(AddCheckpointError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| AddCheckpointError::NotText)?;
        let (lines, checkpoint) = text
            .split_once("\n\n")
            .ok_or(AddCheckpointError::NoCheckpoint)?;
        let mut lines = lines.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old_size = old.and_then(decimal).ok_or(AddCheckpointError::OldSize)?;
        let mut proof = Vec::new();
        for (number, line) in (1..).zip(lines) {
            if proof.len() == MAX_PROOF_LINES {
                return Err(AddCheckpointError::TooManyHashes);
            }
            proof.push(TreeHash::parse(line).ok_or(AddCheckpointError::Hash(number))?);
        }
        Ok(Self {
            old_size,
            proof,
            checkpoint: SignedNote::parse(checkpoint.as_bytes())?,
        })
    }

    /// The origin that the checkpoint names, by which the witness finds what it cosigned last. Not verified.
    pub fn origin_line(&self) -> &str {
        self.checkpoint
            .text()
            .split('\n')
            .next()
            .unwrap_or_default()
    }

    /// The decision: `log` is what the witness knows of that origin, `last` the head that it cosigned last, or that of
    /// the empty tree. Signature first, then sizes, then the proof.
    pub fn decide(
        self,
        log: Option<&WitnessedLog>,
        last: TreeHead,
    ) -> Result<Advance, WitnessRefusal> {
        let known = log.filter(|log| log.origin.as_str() == self.origin_line());
        let Some(log) = known else {
            return Err(WitnessRefusal::UnknownOrigin(self.origin_line().to_owned()));
        };
        let checkpoint =
            VerifiedCheckpoint::verify(self.checkpoint, &log.origin, &log.keys).map_err(refusal)?;
        let new = checkpoint.head();
        if self.old_size > new.size {
            return Err(WitnessRefusal::OldBeyondNew {
                old: self.old_size,
                size: new.size,
            });
        }
        if self.old_size != last.size {
            return Err(WitnessRefusal::Conflict(last.size));
        }
        verify_consistency(last, new, &self.proof)?;
        Ok(Advance {
            old: last,
            checkpoint,
        })
    }
}

/// Which of a checkpoint's errors are the body's form, and which its signature's.
fn refusal(error: CheckpointError) -> WitnessRefusal {
    match error {
        CheckpointError::Signature(_)
        | CheckpointError::NotSigned(_)
        | CheckpointError::OtherName { .. } => WitnessRefusal::NotSigned(error),
        CheckpointError::OtherOrigin { found, .. } => {
            WitnessRefusal::UnknownOrigin(found.as_str().to_owned())
        }
        CheckpointError::Note(_)
        | CheckpointError::Lines
        | CheckpointError::TooManyExtensions
        | CheckpointError::Origin(_)
        | CheckpointError::Size
        | CheckpointError::Root => WitnessRefusal::Malformed(error),
    }
}

/// The body.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::checkpoint::Checkpoint;
    use crate::note::key::KeyName;
    use crate::note::signer::NoteSigner;
    use crate::tree::TreeHash;

    fn origin() -> Origin {
        Origin::parse("example.com/log").unwrap()
    }

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::new(KeyName::parse("example.com/log").unwrap(), &[seed; 32]).unwrap()
    }

    fn log() -> WitnessedLog {
        WitnessedLog {
            origin: origin(),
            keys: vec![signer(1).verifier()],
        }
    }

    fn leaf(number: u8) -> TreeHash {
        TreeHash([number; 32])
    }

    fn head(size: u8) -> TreeHead {
        let two = TreeHash::over(leaf(0), leaf(1));
        let root = match size {
            0 => TreeHash::of_nothing(),
            1 => leaf(0),
            2 => two,
            _ => TreeHash::over(two, leaf(2)),
        };
        TreeHead {
            size: size.into(),
            root,
        }
    }

    fn ask(old: u64, proof: &[TreeHash], head: TreeHead) -> AddCheckpoint {
        let checkpoint = Checkpoint::new(origin(), head).sign(&signer(1)).unwrap();
        AddCheckpoint {
            old_size: old,
            proof: proof.to_vec(),
            checkpoint: checkpoint.note().clone(),
        }
    }

    #[test]
    fn a_log_that_grows_is_followed() {
        for (old, proof, size) in [
            (0, &[][..], 0),
            (0, &[], 3),
            (1, &[leaf(1)], 2),
            (1, &[leaf(1), leaf(2)], 3),
            (2, &[leaf(2)], 3),
            (3, &[], 3),
        ] {
            let question = ask(old, proof, head(size));
            let text = question.to_string();
            assert_eq!(AddCheckpoint::parse(text.as_bytes()), Ok(question.clone()));
            let last = head(u8::try_from(old).unwrap());
            let advance = question.decide(Some(&log()), last).unwrap();
            assert_eq!(advance.old(), last);
            assert_eq!(advance.checkpoint().head(), head(size));
        }
    }

    #[test]
    fn every_refusal_has_the_status_of_the_specification() {
        let decide = |question: AddCheckpoint, last| {
            let refusal = question.decide(Some(&log()), head(last)).unwrap_err();
            (refusal.status(), refusal)
        };
        // 404: nothing is known of such a log.
        let unknown = ask(0, &[], head(3)).decide(None, head(0)).unwrap_err();
        assert_eq!(unknown.status(), 404);
        assert!(unknown.to_string().contains("example.com/log"));
        let mut other = log();
        other.origin = Origin::parse("example.com/other").unwrap();
        let unknown = ask(0, &[], head(3)).decide(Some(&other), head(0));
        assert_eq!(unknown.unwrap_err().status(), 404);
        // 403: another key, or a signature that does not hold.
        let checkpoint = Checkpoint::new(origin(), head(3)).sign(&signer(2)).unwrap();
        let mut forged = ask(0, &[], head(3));
        forged.checkpoint = checkpoint.note().clone();
        assert_eq!(decide(forged, 0).0, 403);
        let text = ask(0, &[], head(3)).to_string().replace("\n3\n", "\n4\n");
        let changed = AddCheckpoint::parse(text.as_bytes()).unwrap();
        assert_eq!(decide(changed, 0).0, 403);
        // 400: sizes the wrong way round, whatever was cosigned last; or no checkpoint.
        assert_eq!(decide(ask(3, &[], head(2)), 3).0, 400);
        let text = ask(0, &[], head(3)).to_string().replace("\n3\n", "\n03\n");
        let changed = AddCheckpoint::parse(text.as_bytes()).unwrap();
        assert_eq!(decide(changed, 0).0, 400);
        // 409, with the size.
        assert_eq!(
            decide(ask(0, &[], head(3)), 2),
            (409, WitnessRefusal::Conflict(2))
        );
        assert_eq!(decide(ask(2, &[leaf(2)], head(3)), 0).0, 409);
        // A rollback: the old size is told, and the smaller tree is not cosigned.
        assert_eq!(
            decide(ask(2, &[], head(2)), 3),
            (409, WitnessRefusal::Conflict(3))
        );
        // 422: proofs that do not hold, another root of the same size, a false root of the empty tree.
        for (question, last) in [
            (ask(2, &[leaf(3)], head(3)), 2),
            (ask(2, &[], head(3)), 2),
            (ask(0, &[leaf(2)], head(3)), 0),
            (ask(2, &[leaf(2), leaf(2)], head(3)), 2),
            (
                ask(
                    3,
                    &[],
                    TreeHead {
                        root: leaf(7),
                        ..head(3)
                    },
                ),
                3,
            ),
            (
                ask(
                    0,
                    &[],
                    TreeHead {
                        root: leaf(7),
                        ..head(0)
                    },
                ),
                0,
            ),
        ] {
            assert_eq!(decide(question, last).0, 422);
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let text = ask(1, &[leaf(1), leaf(2)], head(3)).to_string();
        let parse = |text: &str| AddCheckpoint::parse(text.as_bytes()).unwrap_err();
        for old in ["old 01\n", "old +1\n", "old  1\n", "old 1 \n", "old\n", ""] {
            let text = text.replacen("old 1\n", old, 1);
            assert_eq!(parse(&text), AddCheckpointError::OldSize, "{old}");
        }
        assert_eq!(
            parse(&text.replacen("old 1\n", "old 1\nx\n", 1)),
            AddCheckpointError::Hash(1)
        );
        let hashes = format!("old 1\n{}", format!("{}\n", leaf(0)).repeat(62));
        assert_eq!(
            parse(&text.replacen("old 1\n", &hashes, 1)),
            AddCheckpointError::TooManyHashes
        );
        assert_eq!(parse("old 0\n"), AddCheckpointError::NoCheckpoint);
        assert_eq!(
            parse("old 0\n\n"),
            AddCheckpointError::Checkpoint(NoteError::CutOff)
        );
        assert_eq!(
            AddCheckpoint::parse(b"\xff"),
            Err(AddCheckpointError::NotText)
        );
        let long = "a".repeat(MAX_BODY_BYTES + 1);
        assert_eq!(parse(&long), AddCheckpointError::TooLong(long.len()));
    }
}
