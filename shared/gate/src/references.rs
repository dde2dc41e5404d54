//! The references of tokens seen before: three HMACs that say the same each time.

use std::cell::RefCell;
use std::collections::HashMap;

use sluis_log::{HolderIdentity, HolderRef, MandateRef, ReferenceKey, SubjectRef};
use sluis_token::{HolderIdentity as TokenHolder, VerifiedAccessToken};

/// Most tokens whose references are kept; then all are forgotten and it begins anew.
const CAPACITY: usize = 1024;

/// How a record names the mandate, the person and the holder of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct References {
    pub(crate) mandate: MandateRef,
    pub(crate) subject: SubjectRef,
    pub(crate) holder: HolderRef,
}

/// References by the SHA-256 of the token.
#[derive(Debug, Default)]
pub(crate) struct KnownReferences(RefCell<HashMap<[u8; 32], References>>);

impl KnownReferences {
    pub(crate) fn of(&self, token: &VerifiedAccessToken, key: &ReferenceKey) -> References {
        let mut known = self.0.borrow_mut();
        let name = token.token_sha256();
        if let Some(references) = known.get(&name) {
            return *references;
        }
        let references = make(token, key);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(name, references);
        references
    }
}

fn make(token: &VerifiedAccessToken, key: &ReferenceKey) -> References {
    let mandate = token.mandate();
    References {
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
