//! Randomness that a seed decides, so that a corpus is built alike twice.

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

/// SHA-256 in counter mode over a seed and a label.
///
/// For what an attacker makes up, never for a secret of ours.
#[derive(Debug, Clone)]
pub struct Seeded {
    key: [u8; 32],
    counter: u64,
}

impl Seeded {
    /// The source of that name under that seed.
    pub fn new(seed: &[u8], label: &str) -> Self {
        let key = Sha256::new()
            .chain_update(b"sluis conformance v1\0")
            .chain_update(label.as_bytes())
            .chain_update([0])
            .chain_update(seed)
            .finalize()
            .into();
        Self { key, counter: 0 }
    }

    /// The next bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn fill(&mut self, target: &mut [u8]) {
        for piece in target.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.key)
                .chain_update(self.counter.to_be_bytes())
                .finalize();
            self.counter += 1;
            piece
                .iter_mut()
                .zip(block)
                .for_each(|(to, from)| *to = from);
        }
    }

    /// A UUID of version 4.
    pub fn uuid(&mut self) -> String {
        sluis_log::EntryId::from_random(self.bytes()).to_string()
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        self.fill(target);
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}
