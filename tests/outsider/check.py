"""What aics-tlog says of a log that Sluis made: one line of JSON.

check.py LOG LOG_KEY EARLIER_CHECKPOINT BUNDLE [--witness KEY] [--token-file FILE]

LOG is the folder of an exported log, or the address of a served one, which is read with an auditor's token.
"""

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request
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
from aics_tlog.tiles import entry_bundle_path, tile_path

SECONDS = 30


class ServedTileReader:
    """The package's own reader of addresses can show no token."""

    def __init__(self, address, token_file):
        self.address = address.rstrip("/")
        self.authorization = "Bearer " + Path(token_file).read_text(encoding="ascii").strip()
        # Never by a proxy of the environment: it would see the token.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def read(self, path):
        headers = {"authorization": self.authorization}
        request = urllib.request.Request(f"{self.address}/{path}", headers=headers)
        try:
            with self.opener.open(request, timeout=SECONDS) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def read_tile(self, level, index, width):
        return self.read(tile_path(level, index, width))

    def read_entry_bundle(self, index, width):
        return self.read(entry_bundle_path(index, width))


def log(place, token_file):
    if place.startswith("http://"):
        served = ServedTileReader(place, token_file)
        return served, served.read("checkpoint")
    return FileSystemTileReader(place), Path(place, "checkpoint").read_bytes()


def head(note, log_key, witnesses=()):
    checked = verify_checkpoint(note, log_key, list(witnesses), quorum=len(witnesses))
    if not checked.ok:
        raise ValueError(f"checkpoint: {checked.error}")
    return checked


def main(given):
    log_key = parse_vkey(given.log_key)
    witnesses = [parse_vkey(key) for key in given.witness]
    reader, checkpoint = log(given.log, given.token_file)
    now = head(parse_note(checkpoint), log_key, witnesses)
    if tree_root_from_tiles(reader, now.size) != now.root:
        raise ValueError("another root")
    audit = audit_tiles(reader, now.size, now.root)

    before = head(parse_note(Path(given.earlier).read_bytes()), log_key)
    proof = consistency_proof_from_tiles(reader, before.size, now.size)
    if not verify_consistency(before.size, now.size, before.root, now.root, proof):
        raise ValueError("the log did not only grow")

    # The package has no reader of tlog-proof bundles: their lines are put to its own verification.
    lines, signed = Path(given.bundle).read_text(encoding="utf-8").split("\n\n", 1)
    first, extra, index, *hashes = lines.split("\n")
    if first != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra "):
        raise ValueError("no bundle")
    index = int(index.removeprefix("index "))
    entry = base64.b64decode(extra.removeprefix("extra "), validate=True)
    proof = [base64.b64decode(line, validate=True) for line in hashes]
    shown = head(parse_note(signed), log_key, witnesses)
    if not verify_inclusion(leaf_hash(entry), index, shown.size, proof, shown.root):
        raise ValueError("the bundle's entry is not shown to stand in the log")
    if proof != inclusion_proof_from_tiles(reader, index, shown.size):
        raise ValueError("another proof")
    if read_entry(reader, index, shown.size) != entry:
        raise ValueError("another entry")
    return {"size": now.size, "tiles": audit.tiles, "bundles": audit.bundles, "from": before.size}


arguments = argparse.ArgumentParser()
for name in ("log", "log_key", "earlier", "bundle"):
    arguments.add_argument(name)
arguments.add_argument("--witness", action="append", default=[])
arguments.add_argument("--token-file")
arguments = arguments.parse_args()
try:
    print(json.dumps(main(arguments)))
except Exception as error:  # whatever it is, it is this program's verdict
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
    sys.exit(1)
