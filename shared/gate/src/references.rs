//! The references of tokens seen before: three HMACs that say the same until the month ends.

use std::cell::RefCell;
use std::collections::HashMap;

use sluis_log::{
    Epoch, EpochKey, HolderIdentity, HolderRef, MandateRef, ReferenceKey, ReferenceKeyId,
    SubjectRef, UnixMillis,
};
use sluis_token::{HolderIdentity as TokenHolder, VerifiedAccessToken};

/// Most tokens whose references are kept; then all are forgotten and it begins anew.
const CAPACITY: usize = 1024;

/// How a record names the mandate, the person and the holder of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct References {
    /// The key of the month, under which they are made.
    pub(crate) key: ReferenceKeyId,
    pub(crate) mandate: MandateRef,
    pub(crate) subject: SubjectRef,
    pub(crate) holder: HolderRef,
}

/// References of one epoch, by the SHA-256 of the token.
#[derive(Debug, Default)]
pub(crate) struct KnownReferences(RefCell<Option<Known>>);

#[derive(Debug)]
struct Known {
    epoch: Epoch,
    key: EpochKey,
    of: HashMap<[u8; 32], References>,
}

impl KnownReferences {
    /// Those of a token in a record of that time.
    pub(crate) fn of(
        &self,
        token: &VerifiedAccessToken,
        key: &ReferenceKey,
        at: UnixMillis,
    ) -> References {
        let epoch = Epoch::of(at);
        let mut kept = self.0.borrow_mut();
        // What was made in another month is of no use in this one: it would be under its key.
        let known = kept.take().filter(|known| known.epoch == epoch);
        let known = kept.insert(known.unwrap_or_else(|| Known {
            epoch,
            key: key.epoch(epoch),
            of: HashMap::new(),
        }));
        let name = token.token_sha256();
        if let Some(references) = known.of.get(&name) {
            return *references;
        }
        let references = make(token, &known.key);
        if known.of.len() >= CAPACITY {
            known.of.clear();
        }
        known.of.insert(name, references);
        references
    }
}

fn make(token: &VerifiedAccessToken, key: &EpochKey) -> References {
    let mandate = token.mandate();
    References {
        key: key.id(),
        mandate: key.mandate_ref(token.issuer(), mandate.id()),
        subject: key.subject_ref(&token.subject().to_base64url()),
        holder: key.holder_ref(match mandate.holder().identity() {
            TokenHolder::EnterpriseNumber(number) => {
                HolderIdentity::EnterpriseNumber(number.as_str())
            }
            TokenHolder::Pseudonym(pseudonym) => HolderIdentity::Pseudonym {
                issuer: token.issuer(),
                pseudonym,
            },
        }),
    }
}
