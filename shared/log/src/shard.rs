//! A deployment's log as several logs, so that no single store has to take every entry.
//!
//! A shard is a whole log: its own origin, entries, tree, checkpoints and trusted head. Nothing is shared but the keys.
//! Which shard has an entry follows from the entry's id by a keyed hash, so that nobody outside can aim at one of
//! them; what belongs to a decision goes where the decision went.
//!
//! The number of shards may change. What is then no longer appended to is *closed*: it is published, read and
//! verified like the others.

use std::num::NonZeroU16;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::chain::{Origin, OriginError};
use crate::hash::{HASH_BYTES, HmacKey, decimal, hmac_sha256};
use crate::id::EntryId;

/// Most shards of a deployment.
pub const MAX_SHARDS: u16 = 16;
/// Below this logs are served.
const ROOT: &str = "/log";
const KEY_DOMAIN: &[u8] = b"sluis log shard key v1\0";

/// One of a deployment's logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shard {
    /// The log of a deployment that has one.
    Whole,
    /// One of several, by its number from 0.
    Part(u16),
}

impl Shard {
    /// Below which path it is served.
    pub fn path(self) -> String {
        match self {
            Self::Whole => ROOT.to_owned(),
            Self::Part(number) => format!("{ROOT}/{number}"),
        }
    }

    /// Reads such a path, which has one spelling.
    pub fn parse(path: &str) -> Option<Self> {
        match path.strip_prefix(ROOT)? {
            "" => Some(Self::Whole),
            rest => rest.strip_prefix('/').and_then(Self::numbered),
        }
    }

    /// The shard of that number.
    pub fn numbered(number: &str) -> Option<Self> {
        let number = u16::try_from(decimal(number)?).ok()?;
        (number < MAX_SHARDS).then_some(Self::Part(number))
    }

    /// How a store that keeps several logs tells them apart: 0 for the whole log, else the number and 1.
    pub const fn place(self) -> u16 {
        match self {
            Self::Whole => 0,
            Self::Part(number) => number.saturating_add(1),
        }
    }

    /// Its origin, in the deployment of that one.
    pub fn origin(self, deployment: &Origin) -> Result<Origin, OriginError> {
        match self {
            Self::Whole => Ok(deployment.clone()),
            Self::Part(number) => Origin::parse(&format!("{deployment}/{number}")),
        }
    }
}

/// One log in the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedLog {
    /// Which one.
    pub shard: Shard,
    /// Its name.
    pub origin: Origin,
    /// Whether entries are added to it.
    pub open: bool,
}

/// All logs of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardMap {
    origin: Origin,
    /// How many are open, if they are parts.
    parts: Option<NonZeroU16>,
    /// The open ones by their number, then the closed ones, likewise.
    logs: Vec<MappedLog>,
}

/// Why there is no such map.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShardMapError {
    /// None, or too many.
    #[error("{0} shards; expected 1 to {MAX_SHARDS}")]
    Count(u16),
    /// A log cannot be open and closed.
    #[error("{} is open, or closed twice", .0.path())]
    Repeated(Shard),
    /// The name of a shard is too long.
    #[error("the origin of {}: {error}", .shard.path())]
    Origin {
        /// Of which one.
        shard: Shard,
        /// Why.
        error: OriginError,
    },
}

impl ShardMap {
    /// The map of a deployment with that many open shards, and those closed ones. One shard is the whole log.
    pub fn new(origin: Origin, shards: u16, closed: &[Shard]) -> Result<Self, ShardMapError> {
        let parts = NonZeroU16::new(shards).filter(|parts| parts.get() <= MAX_SHARDS);
        let parts = parts.ok_or(ShardMapError::Count(shards))?;
        let parts = (parts.get() > 1).then_some(parts);
        let open: Vec<Shard> = match parts {
            None => vec![Shard::Whole],
            Some(parts) => (0..parts.get()).map(Shard::Part).collect(),
        };
        let mut closed = closed.to_vec();
        closed.sort_unstable();
        let mut logs: Vec<MappedLog> = Vec::with_capacity(open.len() + closed.len());
        let open = open.into_iter().map(|shard| (shard, true));
        for (shard, open) in open.chain(closed.into_iter().map(|shard| (shard, false))) {
            if logs.iter().any(|log| log.shard == shard) {
                return Err(ShardMapError::Repeated(shard));
            }
            let name = shard.origin(&origin);
            logs.push(MappedLog {
                shard,
                origin: name.map_err(|error| ShardMapError::Origin { shard, error })?,
                open,
            });
        }
        Ok(Self {
            origin,
            parts,
            logs,
        })
    }

    /// The deployment's origin, which is that of its whole log.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Every log: the open ones by their number, then the closed ones likewise.
    pub fn logs(&self) -> &[MappedLog] {
        &self.logs
    }

    /// The log of that name, if there is one.
    pub fn find(&self, shard: Shard) -> Option<&MappedLog> {
        self.logs.iter().find(|log| log.shard == shard)
    }
}

/// Chooses shards. Without the key nobody knows which one an entry goes to.
pub struct ShardKey(HmacKey);

impl std::fmt::Debug for ShardKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShardKey(..)")
    }
}

impl ShardKey {
    /// Derives it from the log key.
    pub fn derive(log_key: &[u8; HASH_BYTES]) -> Self {
        Self(HmacKey::new(&Zeroizing::new(hmac_sha256(
            log_key, KEY_DOMAIN,
        ))))
    }

    /// The open log for the entry of that id, and for what belongs to it.
    pub fn choose(&self, map: &ShardMap, id: EntryId) -> Shard {
        let Some(parts) = map.parts else {
            return Shard::Whole;
        };
        let code = self.0.mac(&[id.as_bytes()]);
        let [a, b, c, d, ..] = code;
        // Four bytes for at most sixteen shards: none is favoured by more than 2^-28.
        let place = u32::from_be_bytes([a, b, c, d]) % u32::from(parts.get());
        // INVARIANT: below the number of shards.
        Shard::Part(u16::try_from(place).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::parse("gate.example.be/log").unwrap()
    }

    fn map(shards: u16, closed: &[Shard]) -> ShardMap {
        ShardMap::new(origin(), shards, closed).unwrap()
    }

    #[test]
    fn a_path_has_one_spelling() {
        for shard in [Shard::Whole, Shard::Part(0), Shard::Part(MAX_SHARDS - 1)] {
            assert_eq!(Shard::parse(&shard.path()), Some(shard));
        }
        for path in [
            "", "/", "/log/", "log", "/log/00", "/log/+1", "/log/-1", "/log/16", "/log/1/",
            "/log/a",
        ] {
            assert_eq!(Shard::parse(path), None, "{path}");
        }
    }

    #[test]
    fn one_shard_is_the_log_without_a_number() {
        let one = map(1, &[]);
        let [log] = one.logs() else { panic!() };
        assert_eq!(
            (log.shard, &log.origin, log.open),
            (Shard::Whole, &origin(), true)
        );
        let four = map(4, &[Shard::Part(5), Shard::Whole]);
        let shown: Vec<_> = four
            .logs()
            .iter()
            .map(|log| (log.origin.as_str(), log.open))
            .collect();
        assert_eq!(
            shown,
            [
                ("gate.example.be/log/0", true),
                ("gate.example.be/log/1", true),
                ("gate.example.be/log/2", true),
                ("gate.example.be/log/3", true),
                ("gate.example.be/log", false),
                ("gate.example.be/log/5", false),
            ]
        );
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for count in [0, MAX_SHARDS + 1] {
            assert_eq!(
                ShardMap::new(origin(), count, &[]),
                Err(ShardMapError::Count(count))
            );
        }
        let closed = [
            (1, vec![Shard::Whole]),
            (4, vec![Shard::Part(3)]),
            (2, vec![Shard::Part(2), Shard::Part(2)]),
        ];
        for (shards, closed) in closed {
            let refused = ShardMap::new(origin(), shards, &closed);
            assert!(
                matches!(refused, Err(ShardMapError::Repeated(_))),
                "{closed:?}"
            );
        }
        let long = Origin::parse(&"x".repeat(crate::MAX_ORIGIN_BYTES)).unwrap();
        assert!(matches!(
            ShardMap::new(long, 2, &[]),
            Err(ShardMapError::Origin {
                shard: Shard::Part(0),
                ..
            })
        ));
    }

    #[test]
    fn every_shard_gets_its_part_and_the_key_decides() {
        let (key, other) = (ShardKey::derive(&[1; 32]), ShardKey::derive(&[2; 32]));
        let four = map(4, &[Shard::Whole]);
        let mut counts = [0; 4];
        let mut same = 0;
        for number in 0_u32..4_000 {
            let mut random = [0; 16];
            random[..4].copy_from_slice(&number.to_be_bytes());
            let id = EntryId::from_random(random);
            let shard = key.choose(&four, id);
            assert_eq!(key.choose(&four, id), shard);
            assert_eq!(key.choose(&map(1, &[]), id), Shard::Whole);
            let Shard::Part(place) = shard else { panic!() };
            counts[usize::from(place)] += 1;
            same += u32::from(other.choose(&four, id) == shard);
        }
        assert!(
            counts.iter().all(|count| (850..1_150).contains(count)),
            "{counts:?}"
        );
        assert!((850..1_150).contains(&same), "{same}");
        assert_eq!(format!("{key:?}"), "ShardKey(..)");
    }
}
