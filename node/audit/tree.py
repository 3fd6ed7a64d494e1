"""The Merkle tree of RFC 6962 (2.1) and RFC 9162 (2.1): hashes, roots, inclusion and consistency proofs. Pure.

A *leaf hash* is SHA-256(0x00 ‖ entry). Proofs are made from any source of subtree hashes (a list of leaf hashes, tiles)
and are lists of 32-byte hashes, from the leaf's sibling upwards.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

SubtreeHash = Callable[[int, int], bytes]
"""(start, end) -> hash of the tree over the leaves start … end-1; end - start is a power of two, start its multiple,
or the range is the last of the tree and shorter."""


class ProofError(ValueError):
    """A proof that does not prove what it is given for."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf that holds `entry`."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree reduced to what is needed to extend it: the roots of its complete subtrees, largest first.

    There is one for each bit that is set in `size`.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count() or any(len(h) != HASH_BYTES for h in self.hashes):
            raise ValueError(f"this is no frontier of a tree of {self.size}")

    def extended(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaves were added."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaf_hashes:
            node = leaf
            # A subtree of 2^k is complete for every low bit of the size that is set.
            bits = size
            while bits & 1:
                node = node_hash(hashes.pop(), node)
                bits >>= 1
            hashes.append(node)
            size += 1
        return Frontier(size, tuple(hashes))

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for node in reversed(self.hashes[:-1]):
            root = node_hash(node, root)
        return root

    def to_bytes(self) -> bytes:
        """The hashes one after the other."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, octets: bytes) -> "Frontier":
        """The frontier of a tree of `size` from `to_bytes`. Raises ValueError when that cannot be one."""
        return cls(size, tuple(octets[start : start + HASH_BYTES] for start in range(0, len(octets), HASH_BYTES)))


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaves."""
    return Frontier().extended(leaf_hashes).root()


def over(leaf_hashes: Sequence[bytes]) -> SubtreeHash:
    """Subtree hashes computed from the leaf hashes at hand."""
    return lambda start, end: root_of(leaf_hashes[start:end])


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(subtree: SubtreeHash, index: int, size: int) -> list[bytes]:
    """The proof that the leaf at `index` is in the tree of `size` (RFC 9162, 2.1.3.1).

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(subtree: SubtreeHash, old_size: int, size: int) -> list[bytes]:
    """The proof that the tree of `size` extends the tree of `old_size` (RFC 9162, 2.1.4.1).

    Empty for equal sizes and for the empty old tree. Raises ValueError unless 0 <= old_size <= size.
    """
    if not 0 <= old_size <= size:
        raise ValueError(f"a tree of {size} does not extend one of {old_size}")
    if old_size in (0, size):
        return []
    proof: list[bytes] = []
    start, end = 0, size
    while old_size < end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    if start > 0:
        proof.append(subtree(start, end))
    return proof[::-1]


def verify_inclusion(root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> None:
    """Check that the leaf hash `leaf` is at `index` of the tree with this root (RFC 9162, 2.1.3.2).

    Raises ProofError otherwise; a proof of another length than the tree gives is refused before anything is hashed.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} has no leaf {index}")
    _expect_length(proof, _inclusion_length(index, size))
    position, last = index, size - 1
    node = leaf
    for sibling in proof:
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            # The node is the last of its level and has no right sibling: it stands for its parents too.
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if node != root:
        raise ProofError(f"leaf {index} is not in the tree with this root")


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree (size, root) extends the tree (old_size, old_root) (RFC 9162, 2.1.4.2).

    Raises ProofError otherwise.
    """
    if not 0 <= old_size <= size:
        raise ProofError(f"a tree of {size} does not extend one of {old_size}")
    if old_size in (0, size):
        _expect_length(proof, 0)
        if old_root != (EMPTY_ROOT if old_size == 0 else root):
            raise ProofError("the same size with another root")
        return
    if not proof:
        raise ProofError("no proof that the tree was only extended")
    hashes = list(proof)
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    # If the old tree is complete, its root is a node of the new one and is left out of the proof.
    old_node = new_node = hashes.pop(0) if position else old_root
    for node in hashes:
        if last == 0:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            old_node = node_hash(node, old_node)
            new_node = node_hash(node, new_node)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            new_node = node_hash(new_node, node)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof is too short")
    if old_node != old_root or new_node != root:
        raise ProofError("the later tree does not extend the earlier one")


def _inclusion_length(index: int, size: int) -> int:
    # Below the highest level at which the ways to the leaf and to the last leaf part, each level has a sibling; above,
    # only those where the way to the leaf comes from the right.
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def _expect_length(proof: Sequence[bytes], length: int) -> None:
    if len(proof) != length:
        raise ProofError(f"the proof has {len(proof)} hashes where the sizes give {length}")
    if any(len(node) != HASH_BYTES for node in proof):
        raise ProofError("a hash of the proof is not 32 bytes long")
