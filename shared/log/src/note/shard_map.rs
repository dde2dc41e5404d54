//! The published map of a deployment's logs, a signed note (C2SP signed-note):
//!
//! ```text
//! sluis log shards v1
//! validator.example.be/log
//! time 1790000000
//! open validator.example.be/log/0
//! open validator.example.be/log/1
//! closed validator.example.be/log
//! ```
//!
//! First the deployment's origin, when it was signed (seconds since 1970), then every log: the open ones by their
//! number, then the closed ones likewise. It is signed by the log's key under the name of the deployment's origin, so
//! that who keeps the logs' stores cannot leave one out; and with its time, so that who answers in the validator's place
//! cannot show one of an earlier configuration as today's ([`VerifiedShardMap::signed_now`]). The first line has spaces,
//! which no origin has: a map is never taken for a checkpoint.

use std::fmt;

use thiserror::Error;

use crate::chain::{Origin, OriginError};
use crate::hash::decimal;
use crate::note::key::{KeyName, NoteVerifier};
use crate::note::signed::{NoteError, SignatureFault, SignedNote};
use crate::note::signer::NoteSigner;
use crate::shard::{MAX_SHARDS, Shard, ShardMap, ShardMapError};
use crate::time::UnixMillis;

const TITLE: &str = "sluis log shards v1";
const TIME: &str = "time ";
const OPEN: &str = "open ";
const CLOSED: &str = "closed ";
/// Lines of logs in a map at most: every shard, and the whole log.
const MAX_LOGS: usize = MAX_SHARDS as usize + 1;
/// How far the time of a map that was signed for a reader may be from that reader's clock, in milliseconds: five
/// minutes, as much as clocks differ and answers wait.
pub const MAX_MAP_AGE_MS: u64 = 5 * 60 * 1_000;

/// Why a text or a note is no map of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShardNoteError {
    /// No note.
    #[error("the map of shards is no signed note: {0}")]
    Note(#[from] NoteError),
    /// Not what a map looks like; it has one spelling.
    #[error("not a map of shards of version 1")]
    Form,
    /// The second line is none of an origin.
    #[error("the map's origin: {0}")]
    Origin(#[from] OriginError),
    /// It contradicts itself.
    #[error("the map of shards: {0}")]
    Map(#[from] ShardMapError),
    /// The map of another deployment.
    #[error("this is the map of {found}, not of {expected}")]
    OtherOrigin {
        /// Which one is meant.
        expected: Origin,
        /// Which one it says it is.
        found: Origin,
    },
    /// A signature that claims to be the log's is not.
    #[error("the map of shards is void: {0}")]
    Signature(#[from] SignatureFault),
    /// None of the known keys has signed it.
    #[error("the map of shards of {0} is not signed by a key of the log that is known here")]
    NotSigned(Origin),
    /// A key of another name cannot sign for the deployment.
    #[error("the key of {key} does not sign the map of {origin}")]
    OtherName {
        /// The key's name.
        key: KeyName,
        /// The deployment's origin.
        origin: Origin,
    },
    /// It was not signed for who reads it now.
    #[error(
        "the map of shards of {origin} was signed at {at}, and here it is {now}: whoever answers shows an earlier map, or one of the clocks is wrong"
    )]
    OtherTime {
        /// The deployment's origin.
        origin: Origin,
        /// When it was signed.
        at: UnixMillis,
        /// The reader's time.
        now: UnixMillis,
    },
}

/// A map with the time at which it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedShardMap {
    map: ShardMap,
    /// Whole seconds.
    at: UnixMillis,
}

impl DatedShardMap {
    /// The map at that time, of which whole seconds are kept.
    pub fn new(map: ShardMap, at: UnixMillis) -> Self {
        let at = at.whole_seconds();
        Self { map, at }
    }

    /// Which logs there are.
    pub const fn map(&self) -> &ShardMap {
        &self.map
    }

    /// When it was signed.
    pub const fn at(&self) -> UnixMillis {
        self.at
    }

    /// Reads a note's text, which has one spelling.
    pub fn parse(text: &str) -> Result<Self, ShardNoteError> {
        let form = || ShardNoteError::Form;
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(form());
        }
        let origin = Origin::parse(lines.next().ok_or_else(form)?)?;
        let time = lines.next().and_then(|line| line.strip_prefix(TIME));
        let millis = time.and_then(decimal).and_then(|s| s.checked_mul(1_000));
        let at = UnixMillis::new(millis.ok_or_else(form)?).map_err(|_| form())?;
        let (mut open, mut closed) = (0_u16, Vec::new());
        for (line, place) in lines.zip(0..) {
            if place >= MAX_LOGS {
                return Err(form());
            }
            if line.starts_with(OPEN) {
                open = open.saturating_add(1);
            } else {
                let name = line.strip_prefix(CLOSED).ok_or_else(form)?;
                closed.push(shard_of(name, &origin).ok_or_else(form)?);
            }
        }
        let dated = Self::new(ShardMap::new(origin, open, &closed)?, at);
        // The names of the open ones, their order and the last newline are compared here.
        if dated.to_string() == text {
            Ok(dated)
        } else {
            Err(form())
        }
    }

    /// Signs it. The key's name is the deployment's origin.
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedNote, ShardNoteError> {
        let origin = self.map.origin();
        if signer.name().as_str() != origin.as_str() {
            return Err(ShardNoteError::OtherName {
                key: signer.name().clone(),
                origin: origin.clone(),
            });
        }
        let text = self.to_string();
        let signature = signer.sign(&text);
        Ok(SignedNote::new(text, vec![signature])?)
    }
}

/// The note's text.
impl fmt::Display for DatedShardMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}\n{}", self.map.origin())?;
        writeln!(f, "{TIME}{}", self.at.as_millis() / 1_000)?;
        self.map.logs().iter().try_for_each(|log| {
            let state = if log.open { OPEN } else { CLOSED };
            writeln!(f, "{state}{}", log.origin)
        })
    }
}

/// Which log of the deployment has that name.
fn shard_of(name: &str, deployment: &Origin) -> Option<Shard> {
    match name.strip_prefix(deployment.as_str())? {
        "" => Some(Shard::Whole),
        rest => rest.strip_prefix('/').and_then(Shard::numbered),
    }
}

/// A map that a known key of the deployment signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedShardMap(DatedShardMap);

impl VerifiedShardMap {
    /// Verifies that the note is the deployment's map, signed by one of its keys. Signatures of other keys are
    /// ignored; one that claims to be of these and does not verify makes the note void.
    pub fn verify(
        note: &SignedNote,
        origin: &Origin,
        keys: &[NoteVerifier],
    ) -> Result<Self, ShardNoteError> {
        let dated = DatedShardMap::parse(note.text())?;
        let found = dated.map.origin();
        if found != origin {
            return Err(ShardNoteError::OtherOrigin {
                expected: origin.clone(),
                found: found.clone(),
            });
        }
        let mut signed = false;
        for key in keys {
            signed |= key.signed(note)?;
        }
        if signed {
            Ok(Self(dated))
        } else {
            Err(ShardNoteError::NotSigned(origin.clone()))
        }
    }

    /// The same, if it was signed about now: a validator signs one for each who asks, so another that it is said to
    /// have answered with is not its answer.
    pub fn signed_now(self, now: UnixMillis) -> Result<Self, ShardNoteError> {
        let at = self.at();
        if at.as_millis().abs_diff(now.as_millis()) > MAX_MAP_AGE_MS {
            return Err(ShardNoteError::OtherTime {
                origin: self.map().origin().clone(),
                at,
                now,
            });
        }
        Ok(self)
    }

    /// What it says.
    pub const fn map(&self) -> &ShardMap {
        self.0.map()
    }

    /// When it was signed.
    pub const fn at(&self) -> UnixMillis {
        self.0.at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::parse("validator.example.be/log").unwrap()
    }

    fn signer(seed: u8) -> NoteSigner {
        let name = KeyName::parse(origin().as_str()).unwrap();
        NoteSigner::new(name, &[seed; 32]).unwrap()
    }

    fn map() -> DatedShardMap {
        let map = ShardMap::new(origin(), 2, &[Shard::Whole, Shard::Part(3)]).unwrap();
        DatedShardMap::new(map, UnixMillis::new(1_790_000_000_999).unwrap())
    }

    const TEXT: &str = "sluis log shards v1\nvalidator.example.be/log\n\
        time 1790000000\nopen validator.example.be/log/0\nopen validator.example.be/log/1\n\
        closed validator.example.be/log\nclosed validator.example.be/log/3\n";

    #[test]
    fn a_map_is_signed_and_verified() {
        assert_eq!(map().to_string(), TEXT);
        assert_eq!(DatedShardMap::parse(TEXT), Ok(map()));
        let note = map().sign(&signer(1)).unwrap();
        let note = SignedNote::parse(note.to_string().as_bytes()).unwrap();
        let keys = [signer(2).verifier(), signer(1).verifier()];
        let verified = VerifiedShardMap::verify(&note, &origin(), &keys).unwrap();
        assert_eq!(verified.map(), map().map());
        assert_eq!(verified.at().as_millis(), 1_790_000_000_000);
        let one = ShardMap::new(origin(), 1, &[]).unwrap();
        let one = DatedShardMap::new(one, UnixMillis::EPOCH);
        assert_eq!(DatedShardMap::parse(&one.to_string()), Ok(one));
    }

    #[test]
    fn a_map_of_another_time_is_not_todays() {
        let note = map().sign(&signer(1)).unwrap();
        let keys = [signer(1).verifier()];
        let verified = VerifiedShardMap::verify(&note, &origin(), &keys).unwrap();
        let signed = verified.at().as_millis();
        let read = |now| verified.clone().signed_now(UnixMillis::new(now).unwrap());
        for now in [signed - MAX_MAP_AGE_MS, signed, signed + MAX_MAP_AGE_MS] {
            assert_eq!(read(now), Ok(verified.clone()), "{now}");
        }
        let (early, late) = (signed - MAX_MAP_AGE_MS - 1, signed + MAX_MAP_AGE_MS + 1);
        for now in [0, early, late] {
            let refused = ShardNoteError::OtherTime {
                origin: origin(),
                at: verified.at(),
                now: UnixMillis::new(now).unwrap(),
            };
            assert_eq!(read(now), Err(refused), "{now}");
        }
        // Another time under the signature that there was.
        let later = note.to_string().replace("time 179", "time 180");
        let later = SignedNote::parse(later.as_bytes()).unwrap();
        assert!(matches!(
            VerifiedShardMap::verify(&later, &origin(), &keys),
            Err(ShardNoteError::Signature(_))
        ));
    }

    #[test]
    fn no_other_key_origin_or_text_passes() {
        let note = map().sign(&signer(1)).unwrap();
        let known = [signer(1).verifier()];
        for keys in [&[][..], &[signer(2).verifier()]] {
            assert_eq!(
                VerifiedShardMap::verify(&note, &origin(), keys),
                Err(ShardNoteError::NotSigned(origin()))
            );
        }
        let other = Origin::parse("other.example.be/log").unwrap();
        assert!(matches!(
            VerifiedShardMap::verify(&note, &other, &known),
            Err(ShardNoteError::OtherOrigin { .. })
        ));
        // A log left out, with the signature that there was.
        let without = note
            .to_string()
            .replace("closed validator.example.be/log/3\n", "");
        let without = SignedNote::parse(without.as_bytes()).unwrap();
        assert!(matches!(
            VerifiedShardMap::verify(&without, &origin(), &known),
            Err(ShardNoteError::Signature(_))
        ));
        let name = KeyName::parse("validator.example.be/log/0").unwrap();
        let shard = NoteSigner::new(name, &[1; 32]).unwrap();
        assert!(matches!(
            map().sign(&shard),
            Err(ShardNoteError::OtherName { .. })
        ));
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let swapped = TEXT.replace(
            "/0\nopen validator.example.be/log/1",
            "/1\nopen validator.example.be/log/0",
        );
        let endless = format!(
            "{TEXT}{}",
            "open validator.example.be/log/9\n".repeat(MAX_LOGS)
        );
        let wrong = [
            "",
            "sluis log shards v1\n",
            "sluis log shards v1\nvalidator.example.be/log\n",
            &TEXT.replace("v1", "v2"),
            &TEXT.replace("time 1790000000\n", ""),
            &TEXT.replace("time 1790000000\n", "time 1790000000\ntime 1790000000\n"),
            &TEXT.replace("time 1", "time +1"),
            &TEXT.replace("time 1", "time 01"),
            &TEXT.replace("time 1790000000", "time 1790000000.5"),
            &TEXT.replace("time 1790000000", "time 253402300800"),
            &TEXT.replace("time 1790000000", "time 18446744073709551615"),
            &TEXT.replace("time 1790000000", "time "),
            &TEXT.replace("open validator.example.be/log/1\n", ""),
            &TEXT.replace(
                "closed validator.example.be/log/3",
                "closed validator.example.be/log/03",
            ),
            &TEXT.replace(
                "closed validator.example.be/log/3",
                "closed validator.example.be/log/1",
            ),
            &TEXT.replace(
                "closed validator.example.be/log/3",
                "closed validator.example.be/log/16",
            ),
            &TEXT.replace(
                "closed validator.example.be/log/3",
                "closed other.example.be/log/3",
            ),
            &TEXT.replace(
                "open validator.example.be/log/1",
                "open validator.example.be/log/2",
            ),
            &TEXT.replace("closed", "Closed"),
            &TEXT.replace('\n', "\r\n"),
            &swapped,
            &endless,
            TEXT.trim_end(),
            &format!("{TEXT}\n"),
        ];
        for text in wrong {
            assert!(DatedShardMap::parse(text).is_err(), "{text}");
        }
    }
}
