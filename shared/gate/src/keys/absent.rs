//! Key ids that an issuer's set was found not to have: asked for again they
//! cost nothing.

use std::collections::VecDeque;

use sluis_token::KeyId;

use super::state::UNKNOWN_KEY_COOL_DOWN_MS;
use crate::age::since;

/// How long a key id counts as absent, in milliseconds: no longer than nobody
/// asks again, so that an issuer that signs before it publishes is believed then.
pub const ABSENT_KEY_MS: u64 = UNKNOWN_KEY_COOL_DOWN_MS;
/// How many key ids are remembered, an issuer. The oldest goes first, so a
/// flood of them costs no memory.
pub const MAX_ABSENT_KEYS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct AbsentKeys(VecDeque<(KeyId, u64)>);

impl AbsentKeys {
    pub(super) fn has(&self, key_id: &KeyId, now_ms: u64) -> bool {
        self.0
            .iter()
            .any(|(known, at)| known == key_id && since(*at, now_ms) < ABSENT_KEY_MS)
    }

    pub(super) fn note(&mut self, key_id: &KeyId, now_ms: u64) {
        if self.has(key_id, now_ms) {
            return;
        }
        if self.0.len() >= MAX_ABSENT_KEYS {
            self.0.pop_front();
        }
        self.0.push_back((key_id.clone(), now_ms));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
