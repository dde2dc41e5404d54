//! Checkpoints (C2SP tlog-checkpoint): the head of a tree as a log signs it.

use std::fmt;

use thiserror::Error;

use crate::chain::{Origin, OriginError};
use crate::hash::decimal;
use crate::note::key::{KeyName, NoteVerifier};
use crate::note::signed::{NoteError, NoteSignature, SignatureFault, SignedNote};
use crate::note::signer::NoteSigner;
use crate::tree::{MAX_TREE_SIZE, TreeHash, TreeHead};

/// Most extension lines taken. We write none: the specification advises against them.
pub const MAX_EXTENSION_LINES: usize = 16;

/// What a checkpoint says. Whether it is true, its signatures tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: Origin,
    head: TreeHead,
    extensions: Vec<String>,
}

/// Why a note is no checkpoint of the log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// No note.
    #[error("the checkpoint is no signed note: {0}")]
    Note(#[from] NoteError),
    /// Fewer than three lines, or an empty one.
    #[error("a checkpoint has at least three lines, none of them empty")]
    Lines,
    /// More lines than are taken.
    #[error("a checkpoint with more than {MAX_EXTENSION_LINES} extension lines")]
    TooManyExtensions,
    /// The first line is none of an origin.
    #[error("the checkpoint's origin: {0}")]
    Origin(#[from] OriginError),
    /// The second line is no tree size.
    #[error("the checkpoint's size is no number without leading zeros up to {MAX_TREE_SIZE}")]
    Size,
    /// The third line is no hash.
    #[error("the checkpoint's root is not 32 bytes in base64")]
    Root,
    /// A checkpoint of another log.
    #[error("this is the checkpoint of {found}, not of {expected}")]
    OtherOrigin {
        /// Which log is meant.
        expected: Origin,
        /// Which log it says it is.
        found: Origin,
    },
    /// A signature that claims to be the log's is not.
    #[error("the checkpoint is void: {0}")]
    Signature(#[from] SignatureFault),
    /// None of the log's keys has signed.
    #[error("the checkpoint of {0} is not signed by a key of the log that is known here")]
    NotSigned(Origin),
    /// A key of another name cannot sign for the log.
    #[error("the key of {key} does not sign checkpoints of {origin}")]
    OtherName {
        /// The key's name.
        key: KeyName,
        /// The log.
        origin: Origin,
    },
}

impl Checkpoint {
    /// The checkpoint of that head, without extension lines.
    pub const fn new(origin: Origin, head: TreeHead) -> Self {
        Self {
            origin,
            head,
            extensions: Vec::new(),
        }
    }

    /// Reads a note's text.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = lines.split('\n').map(|line| {
            if line.is_empty() {
                Err(CheckpointError::Lines)
            } else {
                Ok(line)
            }
        });
        let mut next = || lines.next().unwrap_or(Err(CheckpointError::Lines));
        let (origin, size, root) = (next()?, next()?, next()?);
        let origin = Origin::parse(origin)?;
        let size = decimal(size).filter(|size| *size <= MAX_TREE_SIZE);
        let head = TreeHead {
            size: size.ok_or(CheckpointError::Size)?,
            root: TreeHash::parse(root).ok_or(CheckpointError::Root)?,
        };
        let mut extensions = Vec::new();
        for line in lines {
            if extensions.len() == MAX_EXTENSION_LINES {
                return Err(CheckpointError::TooManyExtensions);
            }
            extensions.push(line?.to_owned());
        }
        Ok(Self {
            origin,
            head,
            extensions,
        })
    }

    /// Which log's.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The tree.
    pub const fn head(&self) -> TreeHead {
        self.head
    }

    /// What the log added; opaque.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Signs it. The key's name is the log's origin (tlog-checkpoint, Signatures).
    pub fn sign(self, signer: &NoteSigner) -> Result<VerifiedCheckpoint, CheckpointError> {
        if signer.name().as_str() != self.origin.as_str() {
            return Err(CheckpointError::OtherName {
                key: signer.name().clone(),
                origin: self.origin,
            });
        }
        let text = self.to_string();
        let signature = signer.sign(&text);
        Ok(VerifiedCheckpoint {
            note: SignedNote::new(text, vec![signature])?,
            checkpoint: self,
        })
    }
}

/// The note's text.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TreeHead { size, root } = self.head;
        writeln!(f, "{}\n{size}\n{root}", self.origin)?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A checkpoint that a known key of the log signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl VerifiedCheckpoint {
    /// Verifies that the note is a checkpoint of the log, signed by one of its keys. Signatures of other keys are
    /// ignored; one that claims to be of these and does not verify makes the note void.
    pub fn verify(
        note: SignedNote,
        origin: &Origin,
        keys: &[NoteVerifier],
    ) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != *origin {
            return Err(CheckpointError::OtherOrigin {
                expected: origin.clone(),
                found: checkpoint.origin,
            });
        }
        let mut signed = false;
        for key in keys {
            signed |= key.signed(&note)?;
        }
        if !signed {
            return Err(CheckpointError::NotSigned(checkpoint.origin));
        }
        Ok(Self { checkpoint, note })
    }

    /// What it says.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The tree.
    pub const fn head(&self) -> TreeHead {
        self.checkpoint.head
    }

    /// The note, with every signature.
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The same with further signatures, such as cosignatures.
    pub fn with_signatures(
        self,
        more: impl IntoIterator<Item = NoteSignature>,
    ) -> Result<Self, NoteError> {
        Ok(Self {
            checkpoint: self.checkpoint,
            note: self.note.with_signatures(more)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::parse("validator.example.be/log").unwrap()
    }

    fn signer(seed: u8) -> NoteSigner {
        let name = KeyName::parse(origin().as_str()).unwrap();
        NoteSigner::new(name, &[seed; 32]).unwrap()
    }

    fn head() -> TreeHead {
        TreeHead {
            size: 20_852_163,
            root: TreeHash([0x0a; 32]),
        }
    }

    #[test]
    fn a_checkpoint_is_signed_and_verified() {
        let signed = Checkpoint::new(origin(), head()).sign(&signer(1)).unwrap();
        assert_eq!(
            signed.note().text(),
            "validator.example.be/log\n20852163\nCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo=\n"
        );
        let again = SignedNote::parse(signed.note().to_string().as_bytes()).unwrap();
        let keys = [signer(2).verifier(), signer(1).verifier()];
        assert_eq!(
            VerifiedCheckpoint::verify(again, &origin(), &keys),
            Ok(signed)
        );
    }

    #[test]
    fn no_other_key_origin_or_text_passes() {
        let signed = Checkpoint::new(origin(), head()).sign(&signer(1)).unwrap();
        let verify = |note: &str, origin: &Origin, keys: &[NoteVerifier]| {
            let note = SignedNote::parse(note.as_bytes())?;
            VerifiedCheckpoint::verify(note, origin, keys)
        };
        let text = signed.note().to_string();
        let known = [signer(1).verifier()];
        assert_eq!(verify(&text, &origin(), &known), Ok(signed));
        for keys in [&[][..], &[signer(2).verifier()]] {
            assert_eq!(
                verify(&text, &origin(), keys),
                Err(CheckpointError::NotSigned(origin()))
            );
        }
        let other = Origin::parse("validator.example.be/log/1").unwrap();
        assert!(matches!(
            verify(&text, &other, &known),
            Err(CheckpointError::OtherOrigin { .. })
        ));
        assert!(matches!(
            Checkpoint::new(other, head()).sign(&signer(1)),
            Err(CheckpointError::OtherName { .. })
        ));
        // Any other byte anywhere.
        for place in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                let note = SignedNote::parse(&bytes).map_err(CheckpointError::from);
                let verdict =
                    note.and_then(|note| VerifiedCheckpoint::verify(note, &origin(), &known));
                assert!(verdict.is_err(), "byte {place}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_text_that_is_no_checkpoint_is_refused() {
        const ROOT: &str = "CgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo=";
        let parse = |text: &str| Checkpoint::parse(text).unwrap_err();
        for text in ["", "\n", "a", "a\n", "a\n1\n", "a\n1\n\n", "\n1\nx\n"] {
            assert_eq!(parse(text), CheckpointError::Lines, "{text:?}");
        }
        for size in ["01", "+1", "-1", "1 ", "0x1", "9223372036854775808", "x"] {
            let text = format!("a\n{size}\n{ROOT}\n");
            assert_eq!(parse(&text), CheckpointError::Size, "{size}");
        }
        for root in [
            "x",
            &ROOT[1..],
            &ROOT[..43],
            "CgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgp=",
        ] {
            let text = format!("a\n1\n{root}\n");
            assert_eq!(parse(&text), CheckpointError::Root, "{root}");
        }
        assert_eq!(
            parse(&format!("a b\n1\n{ROOT}\n")),
            CheckpointError::Origin(OriginError::Character(' '))
        );
        assert_eq!(
            parse(&format!("a\n1\n{ROOT}\nx\n\n")),
            CheckpointError::Lines
        );
        let lines = |count| format!("a\n0\n{ROOT}\n{}", "x\n".repeat(count));
        assert_eq!(parse(&lines(17)), CheckpointError::TooManyExtensions);
        let most = Checkpoint::parse(&lines(16)).unwrap();
        assert_eq!(most.extensions().len(), 16);
        assert_eq!(most.to_string(), lines(16));
    }
}
