//! A log in a folder, as `sluis log export --dir` leaves it, written entry by entry.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use sluis_log::{
    ChainHead, Checkpoint, CommitmentRandom, DestroyedPayloads, Envelope, Erasable, Event,
    EventSource, ExportHeader, KeyName, NoteSigner, Origin, PayloadRange, PayloadsDestroyed,
    PendingEntry, PolicyDigest, RetentionPeriod, StoredEntry, Stream, TILE_WIDTH, TileId, TilePath,
    Trace, TraceId, TreeFile, TreeFiles, UnixMillis, conformance, seal,
};

/// The origin of every log here.
pub(super) const ORIGIN: &str = "validator.example.be/log";

/// The key of the log with that seed.
pub(super) fn signer(seed: u8) -> NoteSigner {
    NoteSigner::new(KeyName::parse(ORIGIN).unwrap(), &[seed; 32]).unwrap()
}

/// The log's verifier key.
pub(super) fn key() -> String {
    signer(1).verifier().to_string()
}

/// The period whose payloads are erased.
pub(super) const PERIOD: &str = "refusals/2026-03-01";
/// Which entry says so, where there are as many.
const ANNOUNCED: u64 = 50;

/// What a log of so many entries has erased.
pub(super) fn erased(origin: &Origin, size: u64) -> DestroyedPayloads {
    let count = size / 100;
    let last = (count * 100).saturating_sub(1);
    DestroyedPayloads {
        log: origin.clone(),
        payloads: PayloadRange::new(count, 99, last),
    }
}

/// The entry before a destruction, in the place of that sample.
fn announcement(number: u64, logs: &[DestroyedPayloads]) -> PendingEntry {
    let source = EventSource::new("be.example.sim.validator.v1", "urn:sluis:test", "sim").unwrap();
    let key = conformance::key(Stream::Accesses);
    let sample = conformance::sample(number, 0).unwrap();
    let envelope = Envelope {
        source: &source,
        id: sample.id(),
        at: UnixMillis::new(1_767_225_600_000 + number * 1_000).unwrap(),
        policy: PolicyDigest([0x5a; 32]),
    };
    let event = Event::PayloadsDestroyed(PayloadsDestroyed {
        operator: "operator",
        trace: Trace {
            id: TraceId::parse("trace-0001").unwrap(),
            related: None,
        },
        period: RetentionPeriod::parse(PERIOD).unwrap(),
        key: key.id(),
        logs,
    });
    seal(&envelope, &event, CommitmentRandom::new([9; 32]), &key).unwrap()
}

/// Writes a log of so many sample entries, of which each hundredth is erased; with its records, or without.
pub(super) fn write(folder: &Path, size: u64, with_records: bool) {
    write_as(folder, &Origin::parse(ORIGIN).unwrap(), size, with_records);
}

/// The same under another origin, with the same key.
pub(super) fn write_as(folder: &Path, origin: &Origin, size: u64, with_records: bool) {
    // Without records nobody asks, and a log that grows stays the same log.
    let own = with_records.then(|| erased(origin, size));
    write_saying(folder, origin, (size, with_records), own.as_slice());
}

/// The same, and an entry of it says that this was destroyed; none does of nothing.
pub(super) fn write_saying(
    folder: &Path,
    origin: &Origin,
    (size, with_records): (u64, bool),
    logs: &[DestroyedPayloads],
) {
    fs::create_dir_all(folder).unwrap();
    let origin = origin.clone();
    let name = KeyName::parse(origin.as_str()).unwrap();
    let signer = NoteSigner::new(name, &[1; 32]).unwrap();
    let mut records = with_records.then(|| {
        let file = File::create(folder.join("records.jsonl")).unwrap();
        let mut file = BufWriter::new(file);
        let header = ExportHeader {
            origin: origin.clone(),
            size,
        };
        serde_json::to_writer(&mut file, &header).unwrap();
        file.write_all(b"\n").unwrap();
        file
    });
    let mut chain = ChainHead::genesis(&origin);
    let mut tree = TreeFiles::default();
    while tree.size() < size {
        let first = tree.size();
        let last = size.min(first + u64::from(TILE_WIDTH));
        let mut entries = Vec::new();
        for number in first..last {
            let pending = if number == ANNOUNCED && !logs.is_empty() {
                announcement(number, logs)
            } else {
                conformance::sample(number, 0).unwrap()
            };
            chain = chain.followed_by(pending.leaf_hash());
            entries.push(pending.entry_bytes().to_vec());
            let kept = (number % 100 != 99).then(|| conformance::opening(&pending).unwrap());
            let erasable = kept.map_or(Erasable::Erased, Erasable::Opened);
            if let Some(records) = &mut records {
                let stored = StoredEntry {
                    index: number,
                    id: pending.id(),
                    stream: pending.stream(),
                    entry: pending.entry_bytes().to_vec(),
                    chain: chain.hash.0.to_vec(),
                    erasable,
                };
                serde_json::to_writer(&mut *records, &stored).unwrap();
                records.write_all(b"\n").unwrap();
            }
        }
        put_all(folder, &tree.add(entries).unwrap());
    }
    put_all(folder, &tree.edge().unwrap());
    if let Some(mut records) = records {
        records.flush().unwrap();
    }
    let checkpoint = Checkpoint::new(origin, tree.head()).sign(&signer).unwrap();
    fs::write(folder.join("checkpoint"), checkpoint.note().to_string()).unwrap();
}

fn put_all(folder: &Path, files: &[TreeFile]) {
    for (path, bytes) in files {
        put(folder, path, bytes);
    }
}

fn put(folder: &Path, path: &TilePath, bytes: &[u8]) {
    let file = folder.join(path.to_string());
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}

/// Writes the partial tile and bundle that an earlier, smaller log had at its edge.
pub(super) fn leave_earlier(folder: &Path, width: u16) {
    let tile = TileId { level: 0, index: 0 };
    let whole = fs::read(folder.join(tile.path(TILE_WIDTH).unwrap().to_string())).unwrap();
    let path = tile.path(width).unwrap();
    put(folder, &path, &whole[..usize::from(width) * 32]);
    let whole = fs::read(folder.join("tile/entries/000")).unwrap();
    let path = TilePath::of_entries(0, width).unwrap();
    put(folder, &path, &whole[..usize::from(width) * 73]);
}
