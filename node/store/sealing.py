"""Sealing: what the node keeps, encrypted at rest.

The sealed form of some octets, under a data key that is used for them alone:

    sealed  = version chunk+
    version = one byte, 0x01
    chunk   = AES-256-GCM(data key, nonce, plaintext, associated data), the 16-byte tag at its end (NIST SP 800-38D)
    nonce   = the chunk's number from 0, 12 bytes, big-endian
    associated data = the version byte, the chunk's number (8 bytes, big-endian), 0x01 for the last chunk or 0x00

Each chunk but the last holds 65,536 octets; the last holds 1 to 65,536, or none if it is the only one. So a change,
cut, exchange or addition anywhere makes a tag fail (STREAM: Hoang, Reyhanitabar, Rogaway, Vizár, 2015). A nonce never
repeats under a key since each key seals once. Chunks are released one by one: what was read before a failure is
genuine, but it is not all there was.

Data keys are wrapped by the node's key-encryption key (AES key wrap, RFC 3394: 40 bytes).
"""

import base64
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from node.store.trouble import StoreUnavailable, Trouble

CHUNK = 65_536
KEY_BYTES = 32
_TAG = 16
_SEALED_CHUNK = CHUNK + _TAG
_VERSION = b"\x01"
_FILE_PREFIX = "depesha-kek-1 "

RandomBytes = Callable[[int], bytes]


class SealBroken(StoreUnavailable):
    """Sealed octets or a wrapped key were changed, cut or exchanged, or belong to another key-encryption key."""

    def __init__(self, detail: str) -> None:
        super().__init__(Trouble.DAMAGED, detail)


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _associated(number: int, last: bool) -> bytes:
    return _VERSION + number.to_bytes(8, "big") + (b"\x01" if last else b"\x00")


class Sealer:
    """Seals a stream. The key must be new: 32 random bytes that seal nothing else."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._number = 0
        self._waiting = bytearray()
        self._head = _VERSION

    def update(self, octets: bytes | bytearray | memoryview) -> bytearray:
        """Take more octets; return what of the sealed form is ready, perhaps nothing."""
        view = memoryview(octets)
        waiting = self._waiting
        # A full chunk waits until more comes: it may be the last.
        count = max(len(waiting) + len(view) - 1, 0) // CHUNK
        head = self._take_head() if count else b""
        ready = bytearray(len(head) + count * _SEALED_CHUNK)
        ready[: len(head)] = head
        start = 0
        with memoryview(ready) as out:
            for at in range(len(head), len(ready), _SEALED_CHUNK):
                place = out[at : at + _SEALED_CHUNK]
                if waiting:
                    start = CHUNK - len(waiting)
                    waiting += view[:start]
                    self._seal_into(waiting, place)
                    waiting.clear()
                else:
                    self._seal_into(view[start : start + CHUNK], place)
                    start += CHUNK
        waiting += view[start:]
        return ready

    def finish(self) -> bytes:
        """Return the rest of the sealed form. The sealer is used up."""
        head, number = self._take_head(), self._next()
        return head + self._cipher.encrypt(_nonce(number), self._waiting, _associated(number, last=True))

    def _seal_into(self, octets: bytearray | memoryview, place: memoryview) -> None:
        number = self._next()
        self._cipher.encrypt_into(_nonce(number), octets, _associated(number, last=False), place)

    def _next(self) -> int:
        number, self._number = self._number, self._number + 1
        return number

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head


def seal(key: bytes, octets: bytes) -> bytes:
    """The sealed form of `octets`. The key must be new: 32 random bytes that seal nothing else."""
    if len(octets) <= CHUNK:
        return _VERSION + AESGCM(key).encrypt(_nonce(0), octets, _associated(0, True))
    sealer = Sealer(key)
    return b"".join((sealer.update(octets), sealer.finish()))


def unseal(key: bytes, sealed: bytes) -> bytes:
    """The octets that `sealed` holds. Raises SealBroken."""
    return b"".join(unseal_stream(key, (sealed,)))


def unseal_stream(key: bytes, sealed: Iterable[bytes]) -> Iterator[bytes]:
    """The octets that the sealed form holds, chunk by chunk and verified, in constant memory.

    Raises SealBroken at the first chunk that is not genuine, or at the end if the last one is missing.
    """
    cipher = AESGCM(key)
    waiting = bytearray()
    number = 0
    opened_version = False

    def open_chunk(octets: bytearray | memoryview, last: bool) -> bytes:
        try:
            return cipher.decrypt(_nonce(number), octets, _associated(number, last))
        except InvalidTag:
            raise SealBroken(f"chunk {number} is not what was sealed") from None

    for piece in sealed:
        waiting += piece
        if not opened_version and waiting:
            if waiting[:1] != _VERSION:
                raise SealBroken("sealed in a version that this program does not know")
            del waiting[:1]
            opened_version = True
        start = 0
        while len(waiting) - start > _SEALED_CHUNK:
            with memoryview(waiting) as view:
                chunk = open_chunk(view[start : start + _SEALED_CHUNK], last=False)
            yield chunk
            number += 1
            start += _SEALED_CHUNK
        del waiting[:start]
    if len(waiting) < _TAG:
        raise SealBroken(f"cut off in chunk {number}")
    last = open_chunk(waiting, last=True)
    if not last and number > 0:
        # One sealed form for the same octets: an empty last chunk after others is none of ours.
        raise SealBroken("an empty last chunk")
    yield last


class KeyEncryptionKey:
    """The node's key-encryption key: AES-256, kept in a file outside the database."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError unless `key` has 32 bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError("a key-encryption key has 32 bytes")
        self._key = key

    @classmethod
    def create(cls, path: Path, random: RandomBytes = os.urandom) -> "KeyEncryptionKey":
        """Make a new key and its file (mode 0600, durable). Raises FileExistsError: a key is never overwritten."""
        key = random(KEY_BYTES)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(_FILE_PREFIX + base64.b64encode(key).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> "KeyEncryptionKey":
        """Read the key from its file. Raises OSError, or ValueError when the file holds no such key."""
        text = path.read_text(encoding="ascii", errors="replace")
        try:
            key = base64.b64decode(text.removeprefix(_FILE_PREFIX).strip(), validate=True)
        except ValueError:
            key = b""
        if not text.startswith(_FILE_PREFIX) or len(key) != KEY_BYTES:
            raise ValueError(f"{path} holds no key-encryption key; restore it from where keys are kept")
        return cls(key)

    def derive(self, purpose: bytes) -> bytes:
        """Another key of 32 bytes, for one purpose (HKDF with SHA-256, RFC 5869): the same each time, and of no use for
        what this key or one of another purpose is for."""
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(self._key)

    def wrap(self, key: bytes) -> bytes:
        """The data key, wrapped (40 bytes)."""
        return aes_key_wrap(self._key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key. Raises SealBroken when this key did not wrap it."""
        try:
            return aes_key_unwrap(self._key, wrapped)
        except (InvalidUnwrap, ValueError):
            raise SealBroken("the data key was not wrapped by this node's key-encryption key") from None
