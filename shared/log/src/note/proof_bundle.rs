//! Proof bundles (C2SP tlog-proof): all it takes to verify, without any network,
//! that an entry stands in a log.

use std::fmt;

use thiserror::Error;

use crate::chain::Origin;
use crate::entry::LeafHash;
use crate::hash::{base64, decimal, from_base64};
use crate::note::checkpoint::{CheckpointError, VerifiedCheckpoint};
use crate::note::cosignature::{Cosignature, Quorum, QuorumError};
use crate::note::key::NoteVerifier;
use crate::note::signed::{MAX_NOTE_BYTES, NoteError, SignedNote};
use crate::tree::{Included, MAX_PROOF_HASHES, ProofError, TreeHash, verify_inclusion};

/// The first line.
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Longest extra data taken. We put an entry there.
pub const MAX_EXTRA_BYTES: usize = 64 * 1024;
/// Longest bundle taken.
const MAX_BUNDLE_TEXT_BYTES: usize = MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES;

/// A bundle as it came: nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofBundle {
    /// Data of the application; vouched for by nobody. Ours is the entry, whose leaf hash the proof is about.
    pub extra: Option<Vec<u8>>,
    /// Where the entry stands.
    pub index: u64,
    /// The path from the leaf to the root.
    pub proof: Vec<TreeHash>,
    /// The signed head, with cosignatures if there are any.
    pub checkpoint: SignedNote,
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofBundleError {
    /// Longer than is taken.
    #[error("{0} bytes; a bundle of {MAX_BUNDLE_TEXT_BYTES} is taken")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotText,
    /// It begins otherwise.
    #[error("the first line is not {FIRST_LINE:?}")]
    FirstLine,
    /// The extra data.
    #[error("the extra data is not base64 of at most {MAX_EXTRA_BYTES} bytes")]
    Extra,
    /// The index.
    #[error("there is no line \"index <N>\" where it belongs")]
    Index,
    /// A hash of the proof.
    #[error("line {0} of the proof is not 32 bytes in base64")]
    Hash(usize),
    /// More hashes than any proof has.
    #[error("more than {MAX_PROOF_HASHES} hashes")]
    TooManyHashes,
    /// No empty line before the checkpoint.
    #[error("cut off: there is no checkpoint")]
    NoCheckpoint,
    /// The checkpoint is no note.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
}

/// Why a bundle proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleFault {
    /// Its checkpoint is not one of the log.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// Too few witnesses.
    #[error("{0}")]
    Quorum(#[from] QuorumError),
    /// Its proof does not lead from the entry to the checkpoint.
    #[error("the entry is not shown to stand in the log: {0}")]
    Proof(#[from] ProofError),
}

/// A leaf that stands in a log whose checkpoint was signed, and cosigned by enough witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBundle {
    included: Included,
    checkpoint: VerifiedCheckpoint,
    cosignatures: Vec<Cosignature>,
}

impl VerifiedBundle {
    /// The leaf, where and in which tree.
    pub const fn included(&self) -> &Included {
        &self.included
    }

    /// The checkpoint.
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// The known witnesses that cosigned it.
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }
}

impl ProofBundle {
    /// Reads a bundle, to its last byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofBundleError> {
        if bytes.len() > MAX_BUNDLE_TEXT_BYTES {
            return Err(ProofBundleError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofBundleError::NotText)?;
        let rest = text
            .strip_prefix(FIRST_LINE)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(ProofBundleError::FirstLine)?;
        // The first empty line divides: nothing before the checkpoint has one.
        let (lines, checkpoint) = rest
            .split_once("\n\n")
            .ok_or(ProofBundleError::NoCheckpoint)?;
        let mut lines = lines.split('\n').peekable();
        let extra = lines
            .next_if(|line| line.starts_with("extra "))
            .and_then(|line| line.strip_prefix("extra "))
            .map(extra)
            .transpose()?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(decimal).ok_or(ProofBundleError::Index)?;
        let mut proof = Vec::new();
        for (number, line) in (1..).zip(lines) {
            if proof.len() == MAX_PROOF_HASHES {
                return Err(ProofBundleError::TooManyHashes);
            }
            proof.push(TreeHash::parse(line).ok_or(ProofBundleError::Hash(number))?);
        }
        Ok(Self {
            extra,
            index,
            proof,
            checkpoint: SignedNote::parse(checkpoint.as_bytes())?,
        })
    }

    /// Verifies the bundle (tlog-proof, Verifying a tlog proof): the checkpoint under the log's keys, the cosignatures
    /// of the known witnesses, and that the leaf stands where it is said to.
    pub fn verify(
        &self,
        leaf: LeafHash,
        origin: &Origin,
        keys: &[NoteVerifier],
        quorum: &Quorum,
    ) -> Result<VerifiedBundle, BundleFault> {
        let note = self.checkpoint.clone();
        let checkpoint = VerifiedCheckpoint::verify(note, origin, keys)?;
        let cosignatures = quorum.reached(&checkpoint)?;
        let included = verify_inclusion(leaf, self.index, checkpoint.head(), &self.proof)?;
        Ok(VerifiedBundle {
            included,
            checkpoint,
            cosignatures,
        })
    }
}

fn extra(text: &str) -> Result<Vec<u8>, ProofBundleError> {
    let bytes = from_base64(text).filter(|bytes| bytes.len() <= MAX_EXTRA_BYTES);
    bytes.ok_or(ProofBundleError::Extra)
}

/// The bundle's bytes, as text.
impl fmt::Display for ProofBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
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
    use crate::note::cosignature::CosignatureSigner;
    use crate::note::key::KeyName;
    use crate::note::signer::NoteSigner;
    use crate::tree::TreeHead;

    const ENTRY: &[u8] = b"an entry";

    fn origin() -> Origin {
        Origin::parse("example.com/log").unwrap()
    }

    fn key() -> NoteSigner {
        NoteSigner::new(KeyName::parse("example.com/log").unwrap(), &[1; 32]).unwrap()
    }

    fn witness() -> CosignatureSigner {
        CosignatureSigner::new(KeyName::parse("witness.example").unwrap(), &[2; 32]).unwrap()
    }

    fn quorum() -> Quorum {
        Quorum::new(vec![witness().verifier()], 1).unwrap()
    }

    /// Entry 2 of a tree of 3.
    fn bundle() -> ProofBundle {
        let left = TreeHash([5; 32]);
        let root = TreeHash::over(left, LeafHash::of(ENTRY).into());
        let checkpoint = Checkpoint::new(origin(), TreeHead { size: 3, root });
        let signed = checkpoint.sign(&key()).unwrap();
        let cosignature = witness().cosign(&signed, 1_800_000_000).unwrap();
        ProofBundle {
            extra: Some(ENTRY.to_vec()),
            index: 2,
            proof: vec![left],
            checkpoint: signed
                .with_signatures([cosignature])
                .unwrap()
                .note()
                .clone(),
        }
    }

    fn verify(bundle: &ProofBundle) -> Result<VerifiedBundle, BundleFault> {
        let leaf = LeafHash::of(bundle.extra.as_deref().unwrap_or(ENTRY));
        bundle.verify(leaf, &origin(), &[key().verifier()], &quorum())
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written_and_verifies() {
        for extra in [None, Some(Vec::new()), Some(ENTRY.to_vec())] {
            let bundle = ProofBundle { extra, ..bundle() };
            let text = bundle.to_string();
            assert_eq!(ProofBundle::parse(text.as_bytes()), Ok(bundle));
        }
        let verified = verify(&bundle()).unwrap();
        assert_eq!(verified.included().index(), 2);
        assert_eq!(verified.checkpoint().head().size, 3);
        assert_eq!(verified.cosignatures()[0].time(), 1_800_000_000);
        // One entry alone has an empty path.
        let root = LeafHash::of(ENTRY).into();
        let alone = Checkpoint::new(origin(), TreeHead { size: 1, root });
        let alone = ProofBundle {
            extra: None,
            index: 0,
            proof: Vec::new(),
            checkpoint: alone.sign(&key()).unwrap().note().clone(),
        };
        assert_eq!(
            ProofBundle::parse(alone.to_string().as_bytes()),
            Ok(alone.clone())
        );
        let keys = [key().verifier()];
        assert!(
            alone
                .verify(LeafHash::of(ENTRY), &origin(), &keys, &Quorum::none())
                .is_ok()
        );
        assert!(matches!(verify(&alone), Err(BundleFault::Quorum(_))));
    }

    #[test]
    fn no_changed_byte_of_a_bundle_verifies() {
        let text = bundle().to_string();
        for place in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                let verdict = ProofBundle::parse(&bytes).map(|bundle| verify(&bundle));
                assert!(!matches!(verdict, Ok(Ok(_))), "byte {place}, bit {bit}");
            }
        }
        for end in 0..text.len() {
            let verdict = ProofBundle::parse(&text.as_bytes()[..end]).map(|bundle| verify(&bundle));
            assert!(!matches!(verdict, Ok(Ok(_))), "cut at {end}");
        }
    }

    #[test]
    fn another_key_witness_origin_or_entry_is_refused() {
        let (bundle, leaf) = (bundle(), LeafHash::of(ENTRY));
        let keys = [key().verifier()];
        let other = Origin::parse("example.com/other").unwrap();
        assert!(matches!(
            bundle.verify(leaf, &other, &keys, &quorum()),
            Err(BundleFault::Checkpoint(CheckpointError::OtherOrigin { .. }))
        ));
        assert!(matches!(
            bundle.verify(leaf, &origin(), &[], &quorum()),
            Err(BundleFault::Checkpoint(CheckpointError::NotSigned(_)))
        ));
        assert_eq!(
            bundle.verify(LeafHash::of(b"another"), &origin(), &keys, &quorum()),
            Err(BundleFault::Proof(ProofError::OtherRoot))
        );
        let name = KeyName::parse("witness.example/2").unwrap();
        let second = CosignatureSigner::new(name, &[3; 32]).unwrap().verifier();
        let both = Quorum::new(vec![witness().verifier(), second], 2).unwrap();
        assert!(matches!(
            bundle.verify(leaf, &origin(), &keys, &both),
            Err(BundleFault::Quorum(QuorumError::NotReached {
                found: 1,
                needed: 2
            }))
        ));
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let text = bundle().to_string();
        let parse = |text: &str| ProofBundle::parse(text.as_bytes()).unwrap_err();
        let with = |from: &str, to: &str| parse(&text.replacen(from, to, 1));
        assert_eq!(parse(""), ProofBundleError::FirstLine);
        assert_eq!(with("@v1", "@v2"), ProofBundleError::FirstLine);
        assert_eq!(with("@v1\n", "@v1\r\n"), ProofBundleError::FirstLine);
        assert_eq!(with("extra ", "extra  "), ProofBundleError::Extra);
        assert_eq!(with("extra ", "Extra "), ProofBundleError::Index);
        for index in ["index 02\n", "index +2\n", "index 2 \n", "index\n", ""] {
            assert_eq!(with("index 2\n", index), ProofBundleError::Index, "{index}");
        }
        assert_eq!(with("index 2\n", "index 2\nx\n"), ProofBundleError::Hash(1));
        let hashes = format!("index 2\n{}", format!("{}\n", TreeHash([0; 32])).repeat(64));
        assert_eq!(with("index 2\n", &hashes), ProofBundleError::TooManyHashes);
        assert_eq!(
            parse("c2sp.org/tlog-proof@v1\nindex 2\n"),
            ProofBundleError::NoCheckpoint
        );
        assert_eq!(
            parse("c2sp.org/tlog-proof@v1\nindex 2\n\n"),
            ProofBundleError::Checkpoint(NoteError::CutOff)
        );
        let long = "a".repeat(MAX_BUNDLE_TEXT_BYTES + 1);
        assert_eq!(parse(&long), ProofBundleError::TooLong(long.len()));
        assert_eq!(ProofBundle::parse(b"\xff"), Err(ProofBundleError::NotText));
    }
}
