//! Proofs as data, in the format of transparency-dev's Merkle test vectors: a JSON file a case, under `inclusion` and
//! `consistency`. Ours are in `tests/vectors/merkle`; `SLUIS_MERKLE_DIR` names another set (the `testdata` of a
//! checkout of transparency-dev/merkle), which must agree too.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use sluis_log::{LeafHash, TreeHash, TreeHead, verify_consistency, verify_inclusion};

/// What the file of an inclusion says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inclusion {
    leaf_idx: u64,
    tree_size: u64,
    root: Option<String>,
    leaf_hash: Option<String>,
    proof: Option<Vec<Option<String>>>,
    desc: String,
    want_err: bool,
}

/// What the file of a consistency says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Consistency {
    size1: u64,
    size2: u64,
    root1: Option<String>,
    root2: Option<String>,
    proof: Option<Vec<Option<String>>>,
    desc: String,
    want_err: bool,
}

/// Cases that the set and we judge otherwise, with the reason.
const DIVERGENCES: [(&str, &str); 1] = [(
    "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json",
    "its roots are twelve bytes, which are equal and no hash",
)];

/// A hash; none if it is not 32 bytes, which none of our types can be.
fn hash(text: Option<&String>) -> Option<TreeHash> {
    let bytes = Base64::decode_vec(text?).ok()?;
    Some(TreeHash(bytes.try_into().ok()?))
}

fn proof(lines: Option<&Vec<Option<String>>>) -> Option<Vec<TreeHash>> {
    let lines = lines.map_or(&[][..], Vec::as_slice);
    lines.iter().map(|line| hash(line.as_ref())).collect()
}

fn inclusion(case: &Inclusion) -> bool {
    let parts = (
        hash(case.root.as_ref()),
        hash(case.leaf_hash.as_ref()),
        proof(case.proof.as_ref()),
    );
    let (Some(root), Some(leaf), Some(proof)) = parts else {
        return false;
    };
    let head = TreeHead {
        size: case.tree_size,
        root,
    };
    verify_inclusion(LeafHash(leaf.0), case.leaf_idx, head, &proof).is_ok()
}

fn consistency(case: &Consistency) -> bool {
    let parts = (
        hash(case.root1.as_ref()),
        hash(case.root2.as_ref()),
        proof(case.proof.as_ref()),
    );
    let (Some(old), Some(new), Some(proof)) = parts else {
        return false;
    };
    let old = TreeHead {
        size: case.size1,
        root: old,
    };
    let new = TreeHead {
        size: case.size2,
        root: new,
    };
    verify_consistency(old, new, &proof).is_ok()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
}

/// Runs a set: how many cases hold, and how many do not.
fn run(set: &Path) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    for kind in ["inclusion", "consistency"] {
        let mut cases = Vec::new();
        files(&set.join(kind), &mut cases);
        cases.sort();
        for file in cases {
            let text = fs::read_to_string(&file).unwrap();
            let (holds, wanted, name) = if kind == "inclusion" {
                let case: Inclusion = serde_json::from_str(&text).unwrap();
                (inclusion(&case), !case.want_err, case.desc)
            } else {
                let case: Consistency = serde_json::from_str(&text).unwrap();
                (consistency(&case), !case.want_err, case.desc)
            };
            let path = file.strip_prefix(set).unwrap().display().to_string();
            let diverges = DIVERGENCES.iter().any(|(other, _)| *other == path);
            assert_eq!(holds == wanted, !diverges, "{path} ({name}): {holds}");
            if wanted { good += 1 } else { bad += 1 }
        }
    }
    (good, bad)
}

#[test]
fn our_vectors_and_those_that_are_named_agree() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/merkle");
    assert_eq!(run(&ours), (24, 78));
    if let Some(named) = std::env::var_os("SLUIS_MERKLE_DIR").map(PathBuf::from) {
        assert!(named.is_dir(), "SLUIS_MERKLE_DIR is no folder");
        let (good, bad) = run(&named);
        assert!(good > 0 && bad > 0, "{good} that hold, {bad} that do not");
    }
}
