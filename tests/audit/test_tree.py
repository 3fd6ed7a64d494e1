"""The Merkle tree against logs and proofs made by other programs, and against its own laws."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    over,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parent / "vectors"
MANIFEST: dict[str, Any] = json.loads((VECTORS / "manifest.json").read_text())
COMPLETE = [log for log in MANIFEST["logs"] if log["all_tiles"]]
# The entries of the largest log are not all among the vectors.
IN_COMPLETE_LOGS = [c for c in MANIFEST["consistency"] if c["new_size"] in {log["size"] for log in COMPLETE}]
LEAVES = [leaf_hash(n.to_bytes(2, "big")) for n in range(130)]


def entries_of(folder: Path) -> list[bytes]:
    """The entries of a complete log: bundles of big-endian uint16 length and bytes."""
    entries = []
    bundles = [path for path in (folder / "tile" / "entries").rglob("*") if path.is_file()]
    for bundle in sorted(bundles, key=lambda path: path.relative_to(folder).as_posix()):
        octets = bundle.read_bytes()
        while octets:
            length = int.from_bytes(octets[:2], "big")
            entries.append(octets[2 : 2 + length])
            octets = octets[2 + length :]
    return entries


def checkpoint_of(text: str) -> tuple[int, bytes]:
    lines = text.split("\n")
    return int(lines[1]), base64.b64decode(lines[2])


def read_proof(path: Path) -> tuple[int, list[bytes], int, bytes]:
    """Index, hashes, tree size and root of a tlog-proof file."""
    head, checkpoint = path.read_text().split("\n\n", 1)
    magic, *lines = head.split("\n")
    assert magic == "c2sp.org/tlog-proof@v1"
    if lines[0].startswith("extra "):
        lines = lines[1:]
    return int(lines[0].removeprefix("index ")), [base64.b64decode(h) for h in lines[1:]], *checkpoint_of(checkpoint)


@pytest.mark.parametrize("log", COMPLETE, ids=lambda log: log["dir"])
def test_entries_give_the_root_that_the_checkpoint_names(log: dict[str, Any]) -> None:
    folder = VECTORS / log["dir"]
    entries = entries_of(folder)
    assert len(entries) == log["size"]
    root = root_of(map(leaf_hash, entries))
    assert root.hex() == log["root_hex"]
    assert checkpoint_of((folder / "checkpoint").read_text()) == (log["size"], root)


def test_level_0_tiles_are_the_leaf_hashes() -> None:
    folder = VECTORS / "good/257"
    hashes = list(map(leaf_hash, entries_of(folder)))
    assert (folder / "tile/0/000").read_bytes() == b"".join(hashes[:256])
    assert (folder / "tile/0/001.p/1").read_bytes() == hashes[256]
    assert (folder / "tile/1/000.p/1").read_bytes() == root_of(hashes[:256])


def test_the_tiles_of_70_000_give_its_root() -> None:
    (log,) = (log for log in MANIFEST["logs"] if not log["all_tiles"])
    tiles = VECTORS / log["dir"] / "tile"
    hashes = []
    # 70,000 = 1 × 65,536 + 17 × 256 + 112: complete subtrees of each level, folded to the powers of two of the size.
    for path, fold in (("2/000.p/1", 1), ("1/001.p/17", 17), ("0/273.p/112", 112)):
        octets = (tiles / path).read_bytes()
        part = [octets[n : n + 32] for n in range(0, len(octets), 32)]
        assert len(part) == fold
        hashes += Frontier().extended(part).hashes
    assert Frontier(70_000, tuple(hashes)).root().hex() == log["root_hex"]


@pytest.mark.parametrize("proof", MANIFEST["proofs"], ids=lambda proof: proof["proof"])
def test_inclusion_proofs_of_others_verify(proof: dict[str, Any]) -> None:
    index, hashes, size, root = read_proof(VECTORS / proof["proof"])
    assert (index, size) == (proof["index"], proof["size"])
    verify_inclusion(root, size, index, leaf_hash((VECTORS / proof["entry"]).read_bytes()), hashes)


@pytest.mark.parametrize("name", ["proof-index", "proof-entry"])
def test_bad_inclusion_proofs_of_others_are_refused(name: str) -> None:
    index, hashes, size, root = read_proof(VECTORS / f"bad/{name}.tlog-proof")
    with pytest.raises(ProofError):
        verify_inclusion(root, size, index, leaf_hash((VECTORS / f"bad/{name}.entry").read_bytes()), hashes)


@pytest.mark.parametrize("given_", MANIFEST["consistency"], ids=lambda c: f"{c['old_size']}-{c['new_size']}")
def test_consistency_proofs_of_others_verify(given_: dict[str, Any]) -> None:
    old_root, new_root = base64.b64decode(given_["old_root"]), base64.b64decode(given_["new_root"])
    proof = [base64.b64decode(node) for node in given_["proof"]]
    verify_consistency(given_["old_size"], old_root, given_["new_size"], new_root, proof)
    for wrong in (proof[1:], proof[:-1], [*proof, bytes(32)], [bytes(32), *proof[1:]]):
        with pytest.raises(ProofError):
            verify_consistency(given_["old_size"], old_root, given_["new_size"], new_root, wrong)


@pytest.mark.parametrize("given_", IN_COMPLETE_LOGS, ids=lambda c: f"{c['old_size']}-{c['new_size']}")
def test_our_consistency_proofs_are_the_same_as_theirs(given_: dict[str, Any]) -> None:
    folder = VECTORS / f"good/{given_['new_size']}"
    leaves = list(map(leaf_hash, entries_of(folder)))
    proof = consistency_proof(over(leaves), given_["old_size"], given_["new_size"])
    assert [base64.b64encode(node).decode() for node in proof] == given_["proof"]


def test_a_fork_has_no_consistency_proof() -> None:
    size, root = checkpoint_of((VECTORS / "bad/fork-256.checkpoint").read_text())
    leaves = list(map(leaf_hash, entries_of(VECTORS / "good/257")))
    proof = consistency_proof(over(leaves), size, 257)
    verify_consistency(size, root_of(leaves[:256]), 257, root_of(leaves), proof)
    with pytest.raises(ProofError, match="does not extend"):
        verify_consistency(size, root, 257, root_of(leaves), proof)


def test_a_changed_entry_and_a_changed_root_are_seen() -> None:
    for name in ("entry-byte", "root"):
        folder = VECTORS / "bad" / name
        _, root = checkpoint_of((folder / "checkpoint").read_text())
        assert root_of(map(leaf_hash, entries_of(folder))) != root


def test_small_trees_by_hand() -> None:
    a, b, c = LEAVES[:3]
    assert root_of([]) == EMPTY_ROOT == Frontier().root()
    assert root_of([a]) == a
    assert root_of([a, b]) == node_hash(a, b)
    assert root_of([a, b, c]) == node_hash(node_hash(a, b), c)


def test_every_leaf_of_every_size_has_a_proof_that_verifies_only_there() -> None:
    for size in range(1, 66):
        leaves = LEAVES[:size]
        root = root_of(leaves)
        for index in range(size):
            proof = inclusion_proof(over(leaves), index, size)
            verify_inclusion(root, size, index, leaves[index], proof)
            if size > 1:
                with pytest.raises(ProofError):
                    verify_inclusion(root, size, (index + 1) % size, leaves[index], proof)
                with pytest.raises(ProofError):
                    verify_inclusion(root, size, index, leaves[index - 1], proof)


def test_every_size_is_consistent_with_every_later_one() -> None:
    roots = [root_of(LEAVES[:size]) for size in range(66)]
    for size in range(66):
        for old in range(size + 1):
            proof = consistency_proof(over(LEAVES), old, size)
            verify_consistency(old, roots[old], size, roots[size], proof)
            if 0 < old < size:
                with pytest.raises(ProofError):
                    verify_consistency(old, roots[old - 1], size, roots[size], proof)
                with pytest.raises(ProofError):
                    verify_consistency(old, roots[old], size, roots[size - 1], proof)


@settings(deadline=None)
@given(st.integers(1, 130), st.data())
def test_a_proof_with_one_changed_bit_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(over(LEAVES), index, size)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        changed = bytearray(proof[place])
        changed[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        proof[place] = bytes(changed)
        with pytest.raises(ProofError):
            verify_inclusion(root_of(LEAVES[:size]), size, index, LEAVES[index], proof)


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), max_size=8))
def test_batches_do_not_matter(batches: list[int]) -> None:
    frontier, start = Frontier(), 0
    for batch in batches:
        frontier = frontier.extended(LEAVES[start : start + batch])
        start = min(start + batch, len(LEAVES))
        frontier = Frontier.from_bytes(frontier.size, frontier.to_bytes())
    assert frontier.size == start
    assert frontier.root() == root_of(LEAVES[:start])


@pytest.mark.parametrize(("size", "octets"), [(0, bytes(32)), (1, b""), (3, bytes(32)), (1, bytes(31)), (-1, b"")])
def test_what_cannot_be_a_frontier_is_refused(size: int, octets: bytes) -> None:
    with pytest.raises(ValueError, match="no frontier"):
        Frontier.from_bytes(size, octets)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_proof(over(LEAVES), index, size)
    with pytest.raises(ProofError, match="has no leaf"):
        verify_inclusion(EMPTY_ROOT, size, index, LEAVES[0], [])


def test_a_smaller_tree_does_not_extend_a_larger_one() -> None:
    with pytest.raises(ValueError, match="does not extend"):
        consistency_proof(over(LEAVES), 4, 3)
    with pytest.raises(ProofError, match="does not extend"):
        verify_consistency(4, EMPTY_ROOT, 3, EMPTY_ROOT, [])


def test_the_same_size_with_another_root_is_refused() -> None:
    with pytest.raises(ProofError, match="another root"):
        verify_consistency(3, root_of(LEAVES[:3]), 3, root_of(LEAVES[1:4]), [])
    with pytest.raises(ProofError, match="another root"):
        verify_consistency(0, root_of(LEAVES[:3]), 3, root_of(LEAVES[:3]), [])
    with pytest.raises(ProofError, match="0"):
        verify_consistency(0, EMPTY_ROOT, 3, root_of(LEAVES[:3]), [bytes(32)])


def test_hashes_of_another_length_are_refused() -> None:
    root = root_of(LEAVES[:2])
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(root, 2, 0, LEAVES[0], [LEAVES[1] + b"\x00"])
