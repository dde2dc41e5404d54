//! Inclusion proofs of some entries, made while the log is read once: of the tree, only the roots of its whole
//! subtrees are held, and the proofs so far (RFC 9162 §2.1.3.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluis_log::{LeafHash, Origin, StoredEntry, TreeHash, TreeHead};

use super::failure::ComplaintFailure;

/// The proofs, as they stand in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofList {
    pub(crate) origin: Origin,
    pub(crate) size: u64,
    pub(crate) root: String,
    pub(crate) entries: Vec<Proof>,
}

/// The hashes beside an entry's way to the root, from below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proof {
    pub(crate) index: u64,
    pub(crate) path: Vec<String>,
}

pub(crate) struct Proofs {
    most: Option<u64>,
    size: u64,
    /// Whole subtrees from left to right, each with its first index and its size.
    subtrees: Vec<(TreeHash, u64, u64)>,
    wanted: BTreeMap<u64, Vec<TreeHash>>,
    newer: Option<u64>,
}

/// What stands in the file: of every log with records in it, in the order of the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofLists {
    pub(crate) logs: Vec<ProofList>,
}

/// The proofs of several logs, one read after the other.
pub(crate) struct LogProofs {
    /// How large each log was when its checkpoint was signed, of those that have one.
    signed: Vec<(Origin, u64)>,
    logs: Vec<(Origin, Proofs)>,
}

impl LogProofs {
    pub(crate) const fn new(signed: Vec<(Origin, u64)>) -> Self {
        let logs = Vec::new();
        Self { signed, logs }
    }

    /// The next entry, of the log that is read or of the next one.
    pub(crate) fn add(&mut self, origin: &Origin, entry: &StoredEntry, wanted: bool) {
        if self.logs.last().is_none_or(|(last, _)| last != origin) {
            let signed = self.signed.iter().find(|(other, _)| other == origin);
            let most = signed.map(|(_, size)| *size);
            self.logs.push((origin.clone(), Proofs::new(most)));
        }
        if let Some((_, proofs)) = self.logs.last_mut() {
            proofs.add(entry, wanted);
        }
    }

    pub(crate) fn finish(self) -> Result<Vec<ProofList>, ComplaintFailure> {
        let lists = self.logs.into_iter();
        lists
            .map(|(origin, proofs)| proofs.finish(origin))
            .collect()
    }
}

impl ProofList {
    pub(crate) fn head(&self) -> Result<TreeHead, ComplaintFailure> {
        let root = TreeHash::parse(&self.root).ok_or(ComplaintFailure::OtherCheckpoint)?;
        let size = self.size;
        Ok(TreeHead { size, root })
    }
}

impl Proofs {
    /// Of the log as it stood when it had `most` entries, or of all of it.
    pub(crate) fn new(most: Option<u64>) -> Self {
        Self {
            most,
            size: 0,
            subtrees: Vec::new(),
            wanted: BTreeMap::new(),
            newer: None,
        }
    }

    /// The next entry.
    pub(crate) fn add(&mut self, entry: &StoredEntry, wanted: bool) {
        let index = self.size;
        if self.most.is_some_and(|most| index >= most) {
            if wanted {
                self.newer = self.newer.or(Some(entry.index));
            }
            return;
        }
        self.size += 1;
        if wanted {
            self.wanted.insert(index, Vec::new());
        }
        let leaf = TreeHash::from(LeafHash::of(&entry.entry));
        self.subtrees.push((leaf, index, 1));
        while let [.., (_, _, left), (_, _, right)] = self.subtrees[..]
            && left == right
        {
            self.join();
        }
    }

    /// Joins the two last subtrees; each is what the other's entries need next.
    fn join(&mut self) {
        if let (Some(right), Some(left)) = (self.subtrees.pop(), self.subtrees.pop()) {
            for ((_, first, size), sibling) in [(left, right.0), (right, left.0)] {
                for (_, path) in self.wanted.range_mut(first..first + size) {
                    path.push(sibling);
                }
            }
            let root = TreeHash::over(left.0, right.0);
            self.subtrees.push((root, left.1, left.2 + right.2));
        }
    }

    pub(crate) fn finish(mut self, origin: Origin) -> Result<ProofList, ComplaintFailure> {
        if let Some(index) = self.newer {
            return Err(ComplaintFailure::NewerThanCheckpoint { index });
        }
        while self.subtrees.len() > 1 {
            self.join();
        }
        let root = self
            .subtrees
            .pop()
            .map_or_else(TreeHash::of_nothing, |one| one.0);
        let text = |(index, path): (u64, Vec<TreeHash>)| Proof {
            index,
            path: path.iter().map(TreeHash::to_string).collect(),
        };
        Ok(ProofList {
            origin,
            size: self.size,
            root: root.to_string(),
            entries: self.wanted.into_iter().map(text).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluis_log::{EdgeTiles, MemoryLog, conformance, integrate, verify_inclusion};

    #[test]
    fn every_entry_of_every_size_is_proven_as_the_tree_has_it() {
        let origin = Origin::parse("validator.example.be/log").unwrap();
        let mut log = MemoryLog::new(origin.clone());
        for number in 0..40 {
            log.append(&conformance::sample(number, 0).unwrap())
                .unwrap();
        }
        let entries = conformance::opened(log.read(0, u32::MAX));
        let leaves: Vec<LeafHash> = entries.iter().map(|e| LeafHash::of(&e.entry)).collect();
        for size in 1..=entries.len() {
            let head = integrate(&EdgeTiles::empty(), &leaves[..size])
                .unwrap()
                .head;
            let mut proofs = Proofs::new(Some(head.size));
            for (place, entry) in entries.iter().enumerate() {
                proofs.add(entry, place < size && place % 3 != 1);
            }
            let list = proofs.finish(origin.clone()).unwrap();
            assert_eq!(list.head().unwrap(), head);
            assert_eq!(
                list.entries.len(),
                (0..size).filter(|place| place % 3 != 1).count()
            );
            for Proof { index, path } in &list.entries {
                let path: Vec<_> = path
                    .iter()
                    .map(|hash| TreeHash::parse(hash).unwrap())
                    .collect();
                let leaf = leaves[usize::try_from(*index).unwrap()];
                verify_inclusion(leaf, *index, head, &path).unwrap();
            }
        }
        let mut proofs = Proofs::new(Some(3));
        for (place, entry) in entries.iter().enumerate() {
            proofs.add(entry, place == 5);
        }
        assert!(matches!(
            proofs.finish(origin),
            Err(ComplaintFailure::NewerThanCheckpoint { index: 5 })
        ));
    }
}
