"""One part as it arrives: decrypt, digest, inflate for its measures, hand on. Memory is constant but for plain XML."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from node.as4.encryption import IV_LENGTH, TAG_LENGTH
from node.as4.errors import As4Error, FailedAuthentication, FailedDecryption, PolicyNoncompliance
from node.as4.gzip_stream import Inflater
from node.as4.limits import Limits
from node.as4.message import PartInfo
from node.as4.parts import PartOctetsDigest, digest_of


class PartSink(Protocol):
    """Where the octets of a part go. For each sink either `close` or `discard` is called, once."""

    def write(self, octets: bytes) -> None:
        """Take the next signed octets (gzip where compressed): decrypted, not yet verified, not to be released."""

    def close(self) -> None:
        """The whole message is verified."""

    def discard(self) -> None:
        """The message failed; forget everything."""


@dataclass(frozen=True, slots=True)
class OpenedPart:
    """A verified part. signed_*: of the octets that were signed; size and sha256: of the content in them."""

    info: PartInfo
    signed_size: int
    signed_sha256: bytes
    size: int
    sha256: bytes


class ContentSink(PartSink, Protocol):
    """A sink that wants the content too, inflated where the part is compressed, with the same reservations."""

    def write_content(self, octets: bytes) -> None:
        """Take the next octets of the content."""


class PartReader:
    """Takes the octets of a part from the wire, gives the signed octets to a sink.

    An encrypted part of up to `_AT_ONCE` octets is held until its end and decrypted in one call, which costs a third
    and gives nothing to the sink before the tag is verified.
    """

    def __init__(
        self,
        info: PartInfo,
        sink: PartSink,
        key: bytes | None,
        expected: bytes,
        limits: Limits,
        allowance: Callable[[int], None],
        inflated_left: int,
    ) -> None:
        """key: of AES-128-GCM, None for a part in the clear. expected: the digest that is signed. allowance: is told
        the number of octets taken and raises when the message has had its share. inflated_left: how much content may
        still come out of the message."""
        self._info = info
        self._sink = sink
        self._key = key
        self._expected = expected
        self._limits = limits
        self._allowance = allowance
        self._taken = 0
        self._held = bytearray()
        self._write_content: Callable[[bytes], None] | None = getattr(sink, "write_content", None)
        self._decryptor: AEADDecryptionContext | None = None
        self._digest = digest_of(info, limits)
        self._octets = self._digest if isinstance(self._digest, PartOctetsDigest) else PartOctetsDigest()
        self._size = 0
        self._inflater = Inflater(limits, inflated_left) if info.compressed else None
        self._content = hashlib.sha256()
        self._damaged: As4Error | None = None

    def feed(self, octets: bytes) -> None:
        """Take octets as received. Raises As4Error above a limit."""
        self._taken += len(octets)
        if self._taken > self._limits.part_bytes:
            raise PolicyNoncompliance(f"part: more than {self._limits.part_bytes} bytes")
        self._allowance(len(octets))
        if self._key is None:
            self._take(octets)
            return
        if self._decryptor is not None:
            self._decrypt(octets)
            return
        self._held += octets
        if len(self._held) <= _AT_ONCE:
            return
        self._decryptor = Cipher(AES(self._key), GCM(bytes(self._held[:IV_LENGTH]))).decryptor()
        begun = bytes(self._held[IV_LENGTH:])
        self._held.clear()
        self._decrypt(begun)

    def _decrypt(self, octets: bytes) -> None:
        """Take what these octets and those held before hold; the last ones, perhaps the tag, are held now."""
        assert self._decryptor is not None
        if len(octets) < TAG_LENGTH:
            octets = bytes(self._held) + octets
            self._held.clear()
        size = max(len(octets) - TAG_LENGTH, 0)
        view = memoryview(octets)
        # Two calls spare a copy of all that came.
        before, clear = self._decryptor.update(self._held), self._decryptor.update(view[:size])
        self._held[:] = view[size:]
        for some in (before, clear):
            if some:
                self._take(some)

    def _take(self, octets: bytes) -> None:
        self._size += len(octets)
        self._octets.update(octets)
        if self._digest is not self._octets:
            self._digest.update(octets)
        if self._inflater is None:
            if self._write_content is not None:
                self._write_content(octets)
        elif self._damaged is None:
            try:
                for content in self._inflater.feed(octets):
                    self._content.update(content)
                    if self._write_content is not None:
                        self._write_content(content)
            except As4Error as error:
                # told only if tag and digest are right: until then the damage may be an attacker's
                self._damaged = error
        self._sink.write(octets)

    def finish(self) -> OpenedPart:
        """Check tag, digest and gzip at the end of the part. Raises As4Error."""
        if self._key is not None:
            if self._decryptor is None and len(self._held) < IV_LENGTH + TAG_LENGTH:
                raise FailedDecryption("part: too short for IV and tag")
            try:
                if self._decryptor is None:
                    whole = bytes(self._held)
                    self._take(AESGCM(self._key).decrypt(whole[:IV_LENGTH], whole[IV_LENGTH:], None))
                else:
                    self._decryptor.finalize_with_tag(bytes(self._held))
            except InvalidTag:
                raise FailedDecryption("part: ciphertext changed or encrypted with another key") from None
        if self._digest.digest() != self._expected:
            raise FailedAuthentication("part: changed after signing")
        signed = self._octets.digest()
        if self._inflater is None:
            return OpenedPart(self._info, self._size, signed, self._size, signed)
        try:
            if self._damaged is not None:
                raise self._damaged
            self._inflater.finish()
        except As4Error as error:
            error.proved = True  # the digest is that of the octets as they were signed
            raise
        return OpenedPart(self._info, self._size, signed, self._inflater.size, self._content.digest())


_AT_ONCE: Final = 1 << 16
MAX_PART_BYTES: Final = 20 * 1024**2
"""What an agreement allows for the parts of one message if it says nothing else."""
