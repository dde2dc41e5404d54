//! The signed tree of the log, as a store, a server, a witness or a stranger's file has it.

use sluis_log::reidentify::{ReidentificationRequest, VerifiedHalf};
use sluis_log::{
    AddCheckpoint, Checkpoint, CosignatureVerifier, DatedShardMap, DestructionRecord, EntryBundle,
    LeafHash, MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, MAX_TILE_PATH_BYTES, NoteSignature, NoteVerifier,
    Origin, ProofBundle, Quorum, SignedNote, TilePath, TreeHash, TreeHead, VerifiedCheckpoint,
    VerifiedShardMap, verify_consistency, verify_inclusion,
};

use crate::Parser;

pub(crate) const TILE_PATH: Parser = Parser {
    name: "tile_path",
    run: tile_path,
    longest: MAX_TILE_PATH_BYTES,
    base: 20_000,
    per_byte: 200,
};
pub(crate) const ENTRY_BUNDLE: Parser = Parser {
    name: "entry_bundle",
    run: entry_bundle,
    longest: MAX_BUNDLE_BYTES,
    base: 50_000,
    per_byte: 4_000,
};
pub(crate) const VERIFIER_KEY: Parser = Parser {
    name: "verifier_key",
    run: verifier_key,
    longest: 2_048,
    base: 2_000_000,
    per_byte: 400,
};
pub(crate) const SIGNED_NOTE: Parser = Parser {
    name: "signed_note",
    run: signed_note,
    longest: MAX_NOTE_BYTES,
    // A verifier key is read and a signature verified.
    base: 4_000_000,
    per_byte: 400,
};
pub(crate) const CHECKPOINT: Parser = Parser {
    name: "checkpoint",
    run: checkpoint,
    longest: 16 * 1024,
    base: 50_000,
    per_byte: 400,
};
pub(crate) const PROOF_BUNDLE: Parser = Parser {
    name: "proof_bundle",
    run: proof_bundle,
    longest: MAX_NOTE_BYTES + 64 * 1024,
    base: 4_000_000,
    per_byte: 400,
};
pub(crate) const ADD_CHECKPOINT: Parser = Parser {
    name: "add_checkpoint",
    run: add_checkpoint,
    longest: AddCheckpoint::MAX_BYTES,
    base: 4_000_000,
    per_byte: 400,
};

/// The path of a tile: of a file in a folder, or of a request.
fn tile_path(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(path) = TilePath::parse(text)
    {
        assert_eq!(path.to_string(), text);
        let _ = path.tile().width_in(u64::MAX);
    }
}

/// The entries of a bundle.
fn entry_bundle(input: &[u8]) {
    if let Ok(bundle) = EntryBundle::decode(input) {
        assert_eq!(bundle.encode(), input);
        assert_eq!(bundle.leaf_hashes().len(), bundle.entries().len());
    }
}

/// A verifier key, of a log or of a witness.
fn verifier_key(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(key) = NoteVerifier::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = CosignatureVerifier::parse(text) {
        assert_eq!(key.to_string(), text);
    }
}

/// Of nobody that signs what is tried here.
const SOME_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

/// A note, of whatever kind; or the signature lines that a witness answers with.
fn signed_note(input: &[u8]) {
    if let Ok(note) = SignedNote::parse(input) {
        assert_eq!(note.to_string().as_bytes(), input);
        let _ = Checkpoint::parse(note.text());
        if let Ok(dated) = DatedShardMap::parse(note.text()) {
            assert!(VerifiedShardMap::verify(&note, dated.map().origin(), &[]).is_err());
        }
        if let Ok(origin) = Origin::parse("sluis.invalid/log") {
            assert!(VerifiedCheckpoint::verify(note.clone(), &origin, &[]).is_err());
        }
        if let Ok(request) = ReidentificationRequest::parse(&note) {
            assert_eq!(request.text(), note.text());
        }
        if let Ok(destruction) = DestructionRecord::parse(&note) {
            assert_eq!(destruction.to_string(), note.text());
        }
        if let Ok(key) = NoteVerifier::parse(SOME_KEY) {
            assert!(VerifiedHalf::verify(&note, &key).is_err());
        }
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(lines) = NoteSignature::parse_lines(text)
    {
        let again: String = lines.iter().map(ToString::to_string).collect();
        assert_eq!(again, text);
    }
}

/// The text of a checkpoint, or of a map of logs.
fn checkpoint(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(map) = DatedShardMap::parse(text)
    {
        assert_eq!(map.to_string(), text);
        assert!(Checkpoint::parse(text).is_err());
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(checkpoint) = Checkpoint::parse(text)
    {
        assert_eq!(checkpoint.to_string(), text);
    }
}

/// A proof bundle; its path is walked as if its checkpoint were the log's.
fn proof_bundle(input: &[u8]) {
    let Ok(bundle) = ProofBundle::parse(input) else {
        return;
    };
    assert_eq!(bundle.to_string().as_bytes(), input);
    let leaf = LeafHash::of(bundle.extra.as_deref().unwrap_or_default());
    if let Ok(checkpoint) = Checkpoint::parse(bundle.checkpoint.text()) {
        let _ = verify_inclusion(leaf, bundle.index, checkpoint.head(), &bundle.proof);
        let none = bundle.verify(leaf, checkpoint.origin(), &[], &Quorum::none());
        assert!(none.is_err());
    }
}

/// A question to a witness; its proof is walked as if its checkpoint were the log's.
fn add_checkpoint(input: &[u8]) {
    let Ok(question) = AddCheckpoint::parse(input) else {
        return;
    };
    assert_eq!(question.to_string().as_bytes(), input);
    if let Ok(checkpoint) = Checkpoint::parse(question.checkpoint.text()) {
        let old = TreeHead {
            size: question.old_size,
            root: TreeHash([0; 32]),
        };
        let _ = verify_consistency(old, checkpoint.head(), &question.proof);
    }
    assert!(question.decide(None, TreeHead::empty()).is_err());
}
