//! The log, for auditors.
//!
//! | path | answer |
//! |---|---|
//! | `/log/entries` | entries with their payloads; reading records of accesses is itself recorded |
//! | `/log/checkpoint` | the signed checkpoint (C2SP tlog-checkpoint) |
//! | `/log/tile/<L>/<N>[.p/<W>]` | hashes of the tree (C2SP tlog-tiles) |
//! | `/log/tile/entries/<N>[.p/<W>]` | the entries themselves, which hold nothing personal |
//! | `/log/proof/<index>` | a proof of one entry with its checkpoint (C2SP tlog-proof) |
//! | `/log/shards` | which logs the deployment has, signed |
//!
//! Everything wants an auditor's token ([`sluis_log::AuditorKey`]), and `/log/entries` one with
//! a purpose, which the record of the reading has. Nothing beyond the published
//! checkpoint is served but by `/log/entries`: what is not signed proves nothing.
//! Where the store lacks what it acknowledged the answer is 500, and names the first
//! entry that is damaged.
//! Where a deployment has several logs, each is served likewise below `/log/<n>/`.

use std::collections::HashMap;
use std::rc::Rc;

use sluis_log::sequencer::StoredCheckpoint;
use sluis_log::{
    Checkpoint, DatedShardMap, EntryBundle, EntryPage, HASH_BYTES, LeafHash, MAX_PAGE_ENTRIES,
    MappedLog, ProofBundle, ReadingPurpose, Shard, SignedNote, TILE_WIDTH, TileKind, TilePath,
    TreeHead, UnixMillis, VerifiedAuditor, decimal, inclusion_proof, inclusion_tiles,
    verify_inclusion,
};

use crate::error::{AuditorRefusal, Fault, Refusal, Stop};
use crate::gate::Gate;
use crate::headers;
use crate::platform::{AuditLog, InboundRequest as _, LogError, Platform, Standing};
use crate::problem;
use crate::route::RouteError;
use crate::serve::{Reply, ReplyBody, json};
use crate::trace::Nonces;

/// Below this everything is the log's.
const PREFIX: &str = "/log/";

/// A tile never changes, and neither does a partial one: as long as anybody keeps it. Not by a shared cache, which would
/// serve it to whoever asks.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The map of the logs.
    Shards,
    /// Something of one log.
    Of(Shard, What),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Entries,
    Checkpoint,
    Tile(TilePath),
    Proof { index: u64 },
}

impl Reading {
    /// What a path stands for.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(PREFIX)?;
        if rest == "shards" {
            return Some(Self::Shards);
        }
        let part = rest.split_once('/');
        // Nothing of a log is called by a number.
        let part = part.and_then(|(number, rest)| Some((Shard::numbered(number)?, rest)));
        let (shard, rest) = part.unwrap_or((Shard::Whole, rest));
        What::of(rest).map(|what| Self::Of(shard, what))
    }
}

impl What {
    fn of(rest: &str) -> Option<Self> {
        match rest {
            "entries" => Some(Self::Entries),
            "checkpoint" => Some(Self::Checkpoint),
            _ => match rest.strip_prefix("proof/") {
                Some(index) => decimal(index).map(|index| Self::Proof { index }),
                None => TilePath::parse(rest).ok().map(Self::Tile),
            },
        }
    }
}

/// An auditor who reads for a purpose: the only one who is shown records (M-25.1).
pub(crate) struct Reader {
    auditor: VerifiedAuditor,
    purpose: ReadingPurpose,
}

impl Reader {
    fn new(auditor: VerifiedAuditor) -> Result<Self, AuditorRefusal> {
        let purpose = auditor.grant().purpose();
        let purpose = purpose.ok_or(AuditorRefusal::NoPurpose)?;
        Ok(Self { auditor, purpose })
    }

    pub(crate) fn auditor(&self) -> &str {
        self.auditor.grant().auditor()
    }

    pub(crate) const fn purpose(&self) -> ReadingPurpose {
        self.purpose
    }

    pub(crate) fn reference(&self) -> Option<&str> {
        self.auditor.grant().reference()
    }
}

impl Gate {
    /// Answers an auditor.
    pub(crate) async fn audit<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        request: &P::Request,
        reading: Reading,
        nonces: &Nonces,
    ) -> Result<Reply<P::Response>, Stop> {
        let now = UnixMillis::new(platform.now_ms()).map_err(|_| Fault::Record)?;
        let authorization = request.header("authorization");
        let origin = self.config.log.shards.origin();
        let auditor = self.secrets.auditor(authorization.as_deref(), origin, now);
        let auditor = auditor.map_err(Refusal::Auditor)?;
        let target = request.target();
        let not_found = || Refusal::Route(RouteError::NotFound);
        if target.contains('?') && !matches!(reading, Reading::Of(_, What::Entries)) {
            return Err(Refusal::Route(RouteError::UnknownQueryParameter).into());
        }
        let map = &self.config.log.shards;
        let (shard, what) = match reading {
            Reading::Shards => {
                let signer = self.secrets.note_signer(map.origin())?;
                let note = DatedShardMap::new(map.clone(), now)
                    .sign(&signer)
                    .map_err(|_| Fault::Record)?;
                return Ok(text(note.to_string(), headers::NO_STORE.1));
            }
            Reading::Of(shard, what) => (shard, what),
        };
        let mapped = map.find(shard).ok_or_else(not_found)?;
        let log = platform.log(shard).map_err(Fault::Log)?;
        if what == What::Entries {
            let reader = Reader::new(auditor).map_err(Refusal::Auditor)?;
            return self
                .read_entries(platform, &reader, mapped, &target, nonces)
                .await;
        }
        let checkpoint = match log.checkpoint().await.map_err(Fault::Log)? {
            Some(checkpoint) => checkpoint,
            None => self.checkpoint_of_nothing(&log, mapped).await?,
        };
        match what {
            What::Entries | What::Checkpoint => Ok(text(checkpoint.note, headers::NO_STORE.1)),
            What::Tile(path) => tile(&log, path, &checkpoint).await,
            What::Proof { index } => proof(&log, index, checkpoint).await,
        }
    }

    /// The checkpoint of a log in which nothing stands yet: of several logs each has one,
    /// so that none can be left out of what is verified. Only where the trusted place knows no other: a log that was emptied is not
    /// [`Standing::Sound`].
    async fn checkpoint_of_nothing<L: AuditLog>(
        &self,
        log: &L,
        mapped: &MappedLog,
    ) -> Result<StoredCheckpoint, Stop> {
        let is_only = self.config.log.shards.logs().len() == 1;
        let state = log.state().await.map_err(Fault::Log)?;
        if is_only || state.standing != Standing::Sound || state.sequenced > 0 {
            return Err(Refusal::Route(RouteError::NotFound).into());
        }
        let head = TreeHead::empty();
        let signer = self.secrets.note_signer(&mapped.origin)?;
        let checkpoint = Checkpoint::new(mapped.origin.clone(), head).sign(&signer);
        let note = checkpoint.map_err(|_| Fault::Record)?.note().to_string();
        Ok(StoredCheckpoint { head, note })
    }

    async fn read_entries<P: Platform>(
        self: &Rc<Self>,
        platform: &P,
        reader: &Reader,
        mapped: &MappedLog,
        target: &str,
        nonces: &Nonces,
    ) -> Result<Reply<P::Response>, Stop> {
        let (from, limit) = page_bounds(target)?;
        let log = platform.log(mapped.shard).map_err(Fault::Log)?;
        let slice = log.read(from, limit).await.map_err(Fault::Log)?;
        if slice.items.is_empty() && from < slice.size {
            return Ok(problem::damaged(from));
        }
        let items = self.open_entries(platform, slice.items).await?;
        self.record_reading(platform, (reader, mapped), (from, limit), &items, nonces)
            .await?;
        let page = EntryPage::new(mapped.origin.clone(), slice.size, items);
        let body = serde_json::to_string(&page).map_err(|_| Fault::Record)?;
        Ok(json(200, body, headers::NO_STORE.1))
    }
}

/// A tile of the published tree, or the entries under one.
async fn tile<L: AuditLog, B>(
    log: &L,
    path: TilePath,
    checkpoint: &StoredCheckpoint,
) -> Result<Reply<B>, Stop> {
    let (id, width) = (path.tile(), path.width());
    if width > id.width_in(checkpoint.head.size) {
        return Err(Refusal::Route(RouteError::NotFound).into());
    }
    let bytes = match path.kind() {
        TileKind::Hashes { .. } => {
            let row = log.tile(id).await.map_err(Fault::Log)?;
            let mut row = row.unwrap_or_default();
            let length = usize::from(width) * HASH_BYTES;
            if row.len() < length {
                let hashes = u64::try_from(row.len() / HASH_BYTES).unwrap_or(u64::MAX);
                return Ok(problem::damaged(id.first_entry(hashes)));
            }
            row.truncate(length);
            row
        }
        TileKind::Entries => {
            let from = path.index().saturating_mul(TILE_WIDTH.into());
            let leaves = log.leaves(from, width.into()).await.map_err(Fault::Log)?;
            let mut entries = Vec::with_capacity(leaves.len());
            let mut wanted = from..from.saturating_add(width.into());
            for (leaf, index) in leaves.into_iter().zip(wanted.by_ref()) {
                if leaf.index != index {
                    return Ok(problem::damaged(index));
                }
                entries.push(leaf.entry);
            }
            if let Some(missing) = wanted.next() {
                return Ok(problem::damaged(missing));
            }
            let bundle = EntryBundle::new(entries);
            bundle
                .map_err(|_| Fault::Log(LogError::Malformed))?
                .encode()
        }
    };
    Ok(Reply {
        status: 200,
        headers: vec![
            ("content-type", BYTES.to_owned()),
            ("cache-control", IMMUTABLE.to_owned()),
        ],
        body: ReplyBody::Bytes(bytes),
    })
}

async fn proof<L: AuditLog, B>(
    log: &L,
    index: u64,
    checkpoint: StoredCheckpoint,
) -> Result<Reply<B>, Stop> {
    match bundle(log, index, checkpoint).await {
        Ok(bundle) => Ok(text(bundle.to_string(), headers::NO_STORE.1)),
        // Whatever of it is damaged: this entry cannot be proven.
        Err(Stop::Failed(Fault::Log(LogError::Malformed))) => Ok(problem::damaged(index)),
        Err(stop) => Err(stop),
    }
}

/// The proof that an entry is in the published tree. It is verified before it is shown: the tiles are the store's word.
pub(crate) async fn bundle<L: AuditLog>(
    log: &L,
    index: u64,
    checkpoint: StoredCheckpoint,
) -> Result<ProofBundle, Stop> {
    let StoredCheckpoint { head, note } = checkpoint;
    if index >= head.size {
        return Err(Refusal::Route(RouteError::NotFound).into());
    }
    let damaged = || Fault::Log(LogError::Malformed);
    let mut rows = HashMap::new();
    for id in inclusion_tiles(index, head.size).map_err(|_| damaged())? {
        let row = log.tile(id).await.map_err(Fault::Log)?;
        rows.insert(id, row.ok_or_else(damaged)?);
    }
    let lookup = |id| rows.get(&id).map(Vec::as_slice);
    let hashes = inclusion_proof(index, head.size, &lookup).map_err(|_| damaged())?;
    let leaves = log.leaves(index, 1).await.map_err(Fault::Log)?;
    let leaf = leaves.into_iter().next();
    let entry = leaf
        .filter(|leaf| leaf.index == index)
        .ok_or_else(damaged)?
        .entry;
    verify_inclusion(LeafHash::of(&entry), index, head, &hashes).map_err(|_| damaged())?;
    Ok(ProofBundle {
        extra: Some(entry),
        index,
        proof: hashes,
        checkpoint: SignedNote::parse(note.as_bytes()).map_err(|_| damaged())?,
    })
}

fn text<B>(body: String, cache_control: &str) -> Reply<B> {
    Reply {
        status: 200,
        headers: vec![
            ("content-type", TEXT.to_owned()),
            ("cache-control", cache_control.to_owned()),
        ],
        body: ReplyBody::Text(body),
    }
}

/// `from` and `limit` of a log query, each at most once; anything else is refused, and any second spelling.
fn page_bounds(target: &str) -> Result<(u64, u32), Refusal> {
    let unknown = || Refusal::Route(RouteError::UnknownQueryParameter);
    let (mut from, mut limit) = (None, None);
    let query = target.split_once('?').map(|(_, query)| query);
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        let (name, value) = pair.split_once('=').ok_or_else(unknown)?;
        let bound = match name {
            "from" => &mut from,
            "limit" => &mut limit,
            _ => return Err(unknown()),
        };
        let value = decimal(value).ok_or_else(unknown)?;
        if bound.replace(value).is_some() {
            return Err(unknown());
        }
    }
    let limit = limit.map_or(Ok(MAX_PAGE_ENTRIES), u32::try_from);
    let limit = limit.map_err(|_| unknown())?;
    Ok((from.unwrap_or(0), limit.clamp(1, MAX_PAGE_ENTRIES)))
}
