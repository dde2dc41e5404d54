//! What turns the log's entries into a published checkpoint: the sequencer over the
//! object's storage and the trusted place.

use std::cell::RefCell;
use std::rc::Rc;

use sluis_gate::{CheckpointKey, SecretError, Standing};
use sluis_log::Origin;
use sluis_log::sequencer::{Sequencer, SequencerError};
use worker::Env;

use super::checkpoints::DurableHeads;
use super::tree::ObjectTree;
use crate::cloudflare::instance::{self, StartError};
use crate::cloudflare::js;

/// From a round that left entries over to the next one, in milliseconds.
const MORE_MS: u32 = 1;
/// From a round that failed, or that another one overtook.
const AGAIN_MS: u32 = 500;
/// From a round that found a store that was not signed, in case an operator puts the right one there.
const REFUSED_MS: u32 = 10_000;

/// Everything that a round needs.
pub(super) struct Publisher {
    origin: Origin,
    tree: ObjectTree,
    heads: DurableHeads,
    key: CheckpointKey,
}

/// Why nothing can be published. Never says what a secret holds.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublisherError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the binding CHECKPOINTS is missing in wrangler.toml")]
    Binding,
}

impl Publisher {
    pub(super) fn new(env: &Env, origin: Origin, tree: ObjectTree) -> Result<Self, PublisherError> {
        let key = instance::secret(env, instance::CHECKPOINT_KEY)?;
        Ok(Self {
            key: CheckpointKey::parse(&key, &origin)?,
            heads: DurableHeads::bound(env).ok_or(PublisherError::Binding)?,
            origin,
            tree,
        })
    }
}

/// One round; the milliseconds until the next one, 0 if nothing is left to do.
pub(super) async fn round(
    publisher: Option<Rc<Publisher>>,
    standing: Rc<RefCell<Standing>>,
) -> u32 {
    let Some(publisher) = publisher else {
        return AGAIN_MS;
    };
    let sequencer = Sequencer {
        origin: &publisher.origin,
        store: &publisher.tree,
        checkpoints: &publisher.heads,
        signer: publisher.key.signer(),
    };
    let (outcome, next) = match sequencer.round().await {
        Ok(done) => (Ok(()), if done.more { MORE_MS } else { 0 }),
        Err(SequencerError::Overtaken) => return AGAIN_MS,
        Err(SequencerError::Evidence(evidence)) => {
            // Sizes and indices; no payload is in any of them.
            js::report(&format!("sluis log: not signed: {evidence}"));
            (Err(Some(evidence)), REFUSED_MS)
        }
        Err(error) => {
            js::report(&format!("sluis log: not published: {error}"));
            (Err(None), AGAIN_MS)
        }
    };
    standing.replace_with(|before| before.clone().after(outcome));
    next
}
