//! Cosignatures (C2SP tlog-cosignature): a witness says that it saw the log grow
//! to this checkpoint, and nothing else, until then.
//!
//! Ed25519, `cosignature/v1`. ML-DSA-44 is a known type of key
//! ([`SignatureType::CosignatureMlDsa44`]) that is refused by name; its lines,
//! as those of any unknown key, are kept and ignored.

use std::fmt;

use thiserror::Error;

use crate::note::checkpoint::VerifiedCheckpoint;
use crate::note::key::{KeyName, NoteKeyId, PublicKey, SignatureType, VerifierKeyError};
use crate::note::signed::{NoteSignature, SignatureFault, SignedNote};
use crate::note::signer::{PrivateKey, SEED_BYTES, SignerError};

/// Bytes of the time before a signature.
const TIME_BYTES: usize = 8;
/// The latest time: tlog-cosignature, Format.
const MAX_TIME: u64 = i64::MAX.cast_unsigned();

/// A witness's statement that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    witness: KeyName,
    time: u64,
}

impl Cosignature {
    /// Which witness.
    pub const fn witness(&self) -> &KeyName {
        &self.witness
    }

    /// When, in seconds since 1970.
    pub const fn time(&self) -> u64 {
        self.time
    }
}

/// Why no cosignature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CosignatureError {
    /// A time that a cosignature cannot have: 0 would say that there is none.
    #[error("a cosignature has a time of 1 to {MAX_TIME} seconds, not {0}")]
    Time(u64),
}

/// tlog-cosignature, Ed25519 signed message.
fn message(time: u64, note: &SignedNote) -> String {
    format!("cosignature/v1\ntime {time}\n{}", note.text())
}

/// A witness's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignatureVerifier(PublicKey);

impl CosignatureVerifier {
    /// Reads `<name>+<id>+<key>`, of type 0x04.
    pub fn parse(text: &str) -> Result<Self, VerifierKeyError> {
        PublicKey::parse(text, SignatureType::Cosignature).map(Self)
    }

    /// Whose key it is.
    pub const fn name(&self) -> &KeyName {
        self.0.name()
    }

    /// Its id.
    pub const fn id(&self) -> NoteKeyId {
        self.0.id()
    }

    /// Its cosignature of the checkpoint, the latest if there are several. One that claims to be its and is not makes
    /// the note void (signed-note, Signatures).
    pub fn cosigned(
        &self,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<Option<Cosignature>, SignatureFault> {
        let note = checkpoint.note();
        let mut latest: Option<u64> = None;
        for line in self.0.claimed(note) {
            let fault = || SignatureFault {
                name: self.0.name().clone(),
                id: self.0.id(),
            };
            let (time, signature) = line
                .bytes()
                .split_first_chunk::<TIME_BYTES>()
                .ok_or_else(fault)?;
            let time = u64::from_be_bytes(*time);
            if time == 0 || time > MAX_TIME {
                return Err(fault());
            }
            self.0.verify(message(time, note).as_bytes(), signature)?;
            latest = latest.max(Some(time));
        }
        Ok(latest.map(|time| Cosignature {
            witness: self.0.name().clone(),
            time,
        }))
    }
}

/// As a verifier key.
impl fmt::Display for CosignatureVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A witness's private key.
pub struct CosignatureSigner(PrivateKey);

impl CosignatureSigner {
    /// The key of that seed under the witness's name. The message does not name the witness, so that a key serves one
    /// witness only (tlog-cosignature, Ed25519 signed message).
    pub fn new(name: KeyName, seed: &[u8; SEED_BYTES]) -> Result<Self, SignerError> {
        PrivateKey::new(name, SignatureType::Cosignature, seed).map(Self)
    }

    /// What others verify with.
    pub fn verifier(&self) -> CosignatureVerifier {
        CosignatureVerifier(self.0.public().clone())
    }

    /// Cosigns a checkpoint, at that time in seconds since 1970. Whether it extends what was seen before, and whether
    /// that is stored, is for the caller; see [`crate::Advance`].
    pub fn cosign(
        &self,
        checkpoint: &VerifiedCheckpoint,
        time: u64,
    ) -> Result<NoteSignature, CosignatureError> {
        if time == 0 || time > MAX_TIME {
            return Err(CosignatureError::Time(time));
        }
        let message = message(time, checkpoint.note());
        Ok(self.0.sign(&time.to_be_bytes(), message.as_bytes()))
    }
}

/// Without the key.
impl fmt::Debug for CosignatureSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosignatureSigner({}, ..)", self.0.public())
    }
}

/// How many of which witnesses must have cosigned (tlog-proof, Verifying: k of n).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    witnesses: Vec<CosignatureVerifier>,
    needed: usize,
}

/// Why there is no quorum.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuorumError {
    /// More than there are witnesses.
    #[error("{needed} cosignatures of {known} known witnesses are wanted")]
    Impossible {
        /// How many are wanted.
        needed: usize,
        /// How many there are.
        known: usize,
    },
    /// One witness would count twice.
    #[error("the witness {0} is named twice")]
    Repeated(KeyName),
    /// Too few have cosigned.
    #[error("cosigned by {found} of the known witnesses; {needed} are wanted")]
    NotReached {
        /// How many did.
        found: usize,
        /// How many must.
        needed: usize,
    },
    /// A cosignature that is not what it claims to be.
    #[error("the checkpoint is void: {0}")]
    Signature(#[from] SignatureFault),
}

impl Quorum {
    /// No witness is asked for.
    pub const fn none() -> Self {
        Self {
            witnesses: Vec::new(),
            needed: 0,
        }
    }

    /// `needed` of these witnesses; each name and each key counts once.
    pub fn new(witnesses: Vec<CosignatureVerifier>, needed: usize) -> Result<Self, QuorumError> {
        if needed > witnesses.len() {
            return Err(QuorumError::Impossible {
                needed,
                known: witnesses.len(),
            });
        }
        for (place, witness) in witnesses.iter().enumerate() {
            let before = witnesses.iter().take(place);
            let mut same = before
                .filter(|other| other.name() == witness.name() || other.0.same_key(&witness.0));
            if same.next().is_some() {
                return Err(QuorumError::Repeated(witness.name().clone()));
            }
        }
        Ok(Self { witnesses, needed })
    }

    /// The cosignatures of the known witnesses, if they are enough.
    pub fn reached(
        &self,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<Vec<Cosignature>, QuorumError> {
        let mut found = Vec::new();
        for witness in &self.witnesses {
            found.extend(witness.cosigned(checkpoint)?);
        }
        if found.len() < self.needed {
            return Err(QuorumError::NotReached {
                found: found.len(),
                needed: self.needed,
            });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Origin;
    use crate::note::checkpoint::Checkpoint;
    use crate::note::signer::NoteSigner;
    use crate::tree::TreeHead;

    const TIME: u64 = 1_679_315_147;

    fn witness(number: u8) -> CosignatureSigner {
        let name = KeyName::parse(&format!("witness.example/w{number}")).unwrap();
        CosignatureSigner::new(name, &[number; 32]).unwrap()
    }

    fn checkpoint() -> VerifiedCheckpoint {
        let origin = Origin::parse("example.com/log").unwrap();
        let name = KeyName::parse(origin.as_str()).unwrap();
        let signer = NoteSigner::new(name, &[99; 32]).unwrap();
        Checkpoint::new(origin, TreeHead::empty())
            .sign(&signer)
            .unwrap()
    }

    #[test]
    fn a_cosignature_verifies_with_its_time() {
        let line = witness(1).cosign(&checkpoint(), TIME).unwrap();
        let later = witness(1).cosign(&checkpoint(), TIME + 5).unwrap();
        let cosigned = checkpoint().with_signatures([later, line]).unwrap();
        let found = witness(1).verifier().cosigned(&cosigned).unwrap().unwrap();
        assert_eq!(found.time(), TIME + 5);
        assert_eq!(found.witness().as_str(), "witness.example/w1");
        assert_eq!(witness(2).verifier().cosigned(&cosigned), Ok(None));
        let key = witness(1).verifier();
        assert_eq!(CosignatureVerifier::parse(&key.to_string()), Ok(key));
    }

    #[test]
    fn no_changed_bit_of_time_or_signature_verifies() {
        let line = witness(1).cosign(&checkpoint(), TIME).unwrap();
        assert_eq!(line.bytes().len(), 72);
        for bit in 0..72 * 8 {
            let mut bytes = line.bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let line = NoteSignature::new(line.name().clone(), line.key_id(), bytes);
            let changed = checkpoint().with_signatures([line]).unwrap();
            assert!(witness(1).verifier().cosigned(&changed).is_err(), "{bit}");
        }
        for time in [0, MAX_TIME + 1] {
            assert_eq!(
                witness(1).cosign(&checkpoint(), time),
                Err(CosignatureError::Time(time))
            );
            let signature = witness(1).0.sign(
                &time.to_be_bytes(),
                message(time, checkpoint().note()).as_bytes(),
            );
            let dated = checkpoint().with_signatures([signature]).unwrap();
            assert!(witness(1).verifier().cosigned(&dated).is_err(), "{time}");
        }
    }

    #[test]
    fn a_plain_signature_is_no_cosignature() {
        // The same key and bytes as a note signature: another key id, so unknown.
        let name = KeyName::parse("witness.example/w1").unwrap();
        let signer = NoteSigner::new(name, &[1; 32]).unwrap();
        let line = signer.sign(checkpoint().note().text());
        let plain = checkpoint().with_signatures([line]).unwrap();
        assert_eq!(witness(1).verifier().cosigned(&plain), Ok(None));
        // And the log's kind of key does not stand in for a witness's.
        assert!(CosignatureVerifier::parse(&signer.verifier().to_string()).is_err());
    }

    #[test]
    fn a_quorum_counts_each_witness_once() {
        let keys = || {
            vec![
                witness(1).verifier(),
                witness(2).verifier(),
                witness(3).verifier(),
            ]
        };
        let cosign = |numbers: &[u8]| {
            let lines = numbers
                .iter()
                .map(|number| witness(*number).cosign(&checkpoint(), TIME + u64::from(*number)));
            let lines: Vec<_> = lines.map(Result::unwrap).collect();
            checkpoint().with_signatures(lines).unwrap()
        };
        let two = Quorum::new(keys(), 2).unwrap();
        assert_eq!(two.reached(&cosign(&[3, 1])).unwrap().len(), 2);
        assert_eq!(two.reached(&cosign(&[1, 2, 3, 4])).unwrap().len(), 3);
        let again = witness(1).cosign(&checkpoint(), TIME + 60).unwrap();
        for one in [
            cosign(&[1]).with_signatures([again]).unwrap(),
            cosign(&[2, 4]),
        ] {
            assert_eq!(
                two.reached(&one),
                Err(QuorumError::NotReached {
                    found: 1,
                    needed: 2
                })
            );
        }
        assert_eq!(Quorum::none().reached(&checkpoint()), Ok(Vec::new()));
        assert_eq!(
            Quorum::new(keys(), 4),
            Err(QuorumError::Impossible {
                needed: 4,
                known: 3
            })
        );
        let name = KeyName::parse("witness.example/other").unwrap();
        let same_key = CosignatureSigner::new(name, &[1; 32]).unwrap().verifier();
        for double in [witness(1).verifier(), same_key] {
            let keys = vec![witness(1).verifier(), double];
            assert!(matches!(
                Quorum::new(keys, 1),
                Err(QuorumError::Repeated(_))
            ));
        }
    }
}
