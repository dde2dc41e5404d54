"""What aics-tlog says of a log that we wrote: one line of JSON.

check.py LOG_FOLDER LOG_KEY WITNESS_KEY EARLIER_CHECKPOINT BUNDLE
"""

import base64
import json
import sys
from pathlib import Path

from aics_tlog import (
    FileSystemTileReader,
    audit_tiles,
    consistency_proof_from_tiles,
    inclusion_proof_from_tiles,
    leaf_hash,
    parse_note,
    parse_vkey,
    read_entry,
    tree_root_from_tiles,
    verify_checkpoint,
    verify_consistency,
    verify_inclusion,
)


def head(note, log_key, witnesses=(), quorum=0):
    checked = verify_checkpoint(note, log_key, list(witnesses), quorum=quorum)
    if not checked.ok:
        raise ValueError(f"checkpoint: {checked.error}")
    return checked


def main(folder, log_key, witness_key, earlier, bundle):
    log_key, witness = parse_vkey(log_key), parse_vkey(witness_key)
    reader = FileSystemTileReader(folder)
    note = parse_note(Path(folder, "checkpoint").read_bytes())
    now = head(note, log_key, [witness], quorum=1)
    if tree_root_from_tiles(reader, now.size) != now.root:
        raise ValueError("another root")
    audit = audit_tiles(reader, now.size, now.root)

    before = head(parse_note(Path(earlier).read_bytes()), log_key)
    proof = consistency_proof_from_tiles(reader, before.size, now.size)
    if not verify_consistency(before.size, now.size, before.root, now.root, proof):
        raise ValueError("the log did not only grow")

    # The package has no reader of tlog-proof bundles: their lines are put to its own verification.
    lines, signed = Path(bundle).read_text(encoding="utf-8").split("\n\n", 1)
    first, extra, index, *hashes = lines.split("\n")
    if first != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra "):
        raise ValueError("no bundle")
    index = int(index.removeprefix("index "))
    entry = base64.b64decode(extra.removeprefix("extra "), validate=True)
    proof = [base64.b64decode(line, validate=True) for line in hashes]
    shown = head(parse_note(signed), log_key, [witness], quorum=1)
    if not verify_inclusion(leaf_hash(entry), index, shown.size, proof, shown.root):
        raise ValueError("the bundle's entry is not shown to stand in the log")
    if proof != inclusion_proof_from_tiles(reader, index, shown.size):
        raise ValueError("another proof")
    if read_entry(reader, index, shown.size) != entry:
        raise ValueError("another entry")
    return {"size": now.size, "tiles": audit.tiles, "bundles": audit.bundles, "from": before.size}


try:
    print(json.dumps(main(*sys.argv[1:])))
except Exception as error:  # whatever it is, it is this program's verdict
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
    sys.exit(1)
