//! Which of the deployment's logs has what.

use sluis_log::{EntryId, PendingEntry, Shard};

use crate::error::Fault;
use crate::gate::Gate;
use crate::permit::append;
use crate::platform::Platform;

impl Gate {
    /// The log of the entry of that id, and of what belongs to it: the outcome of a
    /// decision stands where the decision does.
    pub(crate) fn shard_of(&self, id: EntryId) -> Shard {
        self.secrets.shard_key.choose(&self.config.log.shards, id)
    }

    /// Appends an entry that belongs to no other, to the log that its own id gives.
    pub(crate) async fn append<P: Platform>(
        &self,
        platform: &P,
        entry: &PendingEntry,
    ) -> Result<u64, Fault> {
        append(entry, &platform.log(self.shard_of(entry.id()))?).await
    }
}
