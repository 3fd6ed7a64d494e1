"""Sealed octets come back as they were, or not at all."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store.sealing import CHUNK, KeyEncryptionKey, SealBroken, Sealer, seal, unseal, unseal_stream
from node.store.trouble import Trouble

KEY = bytes(range(32))
SEALED_CHUNK = CHUNK + 16
SIZES = [0, 1, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK]


def octets(size: int) -> bytes:
    return (b"\x00\x01\x02\x03\x04\x05\x06" * (size // 7 + 1))[:size]


def chunks(sealed: bytes) -> list[bytes]:
    return [sealed[start : start + SEALED_CHUNK] for start in range(1, len(sealed), SEALED_CHUNK)]


@pytest.mark.parametrize("size", SIZES)
def test_sealed_octets_come_back(size: int) -> None:
    sealed = seal(KEY, octets(size))
    assert len(sealed) == 1 + size + 16 * max(1, -(-size // CHUNK))
    assert unseal(KEY, sealed) == octets(size)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 3 * CHUNK),
    st.lists(st.integers(1, 2 * CHUNK), max_size=6),
    st.lists(st.integers(1, 2 * CHUNK), max_size=6),
)
def test_how_the_stream_is_cut_does_not_matter(size: int, cuts_in: list[int], cuts_out: list[int]) -> None:
    def cut(whole: bytes, cuts: list[int]) -> Iterator[bytes]:
        for length in cuts:
            yield whole[:length]
            whole = whole[length:]
        yield whole

    sealer = Sealer(KEY)
    sealed = b"".join([*map(sealer.update, cut(octets(size), cuts_in)), sealer.finish()])
    assert sealed == seal(KEY, octets(size))
    assert b"".join(unseal_stream(KEY, cut(sealed, cuts_out))) == octets(size)


def test_the_format_is_as_documented() -> None:
    content = octets(CHUNK + 3)
    cipher = AESGCM(KEY)
    first = cipher.encrypt(bytes(12), content[:CHUNK], b"\x01" + bytes(8) + b"\x00")
    last = cipher.encrypt(bytes(11) + b"\x01", content[CHUNK:], b"\x01" + bytes(7) + b"\x01" + b"\x01")
    assert seal(KEY, content) == b"\x01" + first + last


@settings(deadline=None)
@given(st.sampled_from([0, 1, 300, CHUNK, CHUNK + 1]), st.data())
def test_one_changed_bit_is_seen(size: int, data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, octets(size)))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        unseal(KEY, bytes(sealed))


@pytest.mark.parametrize("size", SIZES)
def test_a_cut_is_seen(size: int) -> None:
    sealed = seal(KEY, octets(size))
    lengths = {0, 1, 16, 17, len(sealed) - 1, len(sealed) - 16, *range(1, len(sealed), SEALED_CHUNK)}
    for length in lengths - {len(sealed)}:
        if length < len(sealed):
            with pytest.raises(SealBroken):
                unseal(KEY, sealed[:length])


def test_exchanged_dropped_doubled_and_added_chunks_are_seen() -> None:
    a, b, c = chunks(seal(KEY, octets(3 * CHUNK)))
    (short,) = chunks(seal(KEY, b"short"))
    (nothing,) = chunks(seal(KEY, b""))
    assert unseal(KEY, b"\x01" + a + b + c) == octets(3 * CHUNK)
    for wrong in ([b, a, c], [a, c], [a, b], [b, c], [a, a, b, c], [a, b, c, c], [a, b, c, short], [a, b, c, nothing]):
        with pytest.raises(SealBroken):
            unseal(KEY, b"\x01" + b"".join(wrong))


def test_an_empty_last_chunk_after_others_is_refused_though_it_verifies() -> None:
    cipher = AESGCM(KEY)
    first = cipher.encrypt(bytes(12), octets(CHUNK), b"\x01" + bytes(8) + b"\x00")
    empty = cipher.encrypt(bytes(11) + b"\x01", b"", b"\x01" + bytes(7) + b"\x01" + b"\x01")
    with pytest.raises(SealBroken, match="empty last chunk"):
        unseal(KEY, b"\x01" + first + empty)


def test_another_key_does_not_open() -> None:
    with pytest.raises(SealBroken) as caught:
        unseal(bytes(32), seal(KEY, b"x"))
    assert caught.value.reason is Trouble.DAMAGED


def test_another_version_is_refused_by_name() -> None:
    with pytest.raises(SealBroken, match="version"):
        unseal(KEY, b"\x02" + seal(KEY, b"x")[1:])


def test_unsealing_holds_one_chunk_at_a_time() -> None:
    asked = 0

    def source() -> Iterator[bytes]:
        nonlocal asked
        sealed = seal(KEY, octets(10 * CHUNK))
        for start in range(0, len(sealed), 1000):
            asked = start + 1000
            yield sealed[start : start + 1000]

    first = next(unseal_stream(KEY, source()))
    assert len(first) == CHUNK
    assert asked < 2 * SEALED_CHUNK


def test_data_keys_are_wrapped_as_rfc_3394_says() -> None:
    # RFC 3394, 4.6: wrap 256 bits of key data with a 256-bit key.
    kek = KeyEncryptionKey(bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"))
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    wrapped = bytes.fromhex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21")
    assert kek.wrap(key) == wrapped
    assert kek.unwrap(wrapped) == key


@pytest.mark.parametrize("wrapped", [bytes(40), b"", b"short", bytes(41)])
def test_a_key_that_this_node_did_not_wrap_is_refused(wrapped: bytes) -> None:
    with pytest.raises(SealBroken, match="key-encryption key"):
        KeyEncryptionKey(KEY).unwrap(wrapped)


def test_the_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    made = KeyEncryptionKey.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wrapped = made.wrap(KEY)
    assert KeyEncryptionKey.load(path).unwrap(wrapped) == KEY
    with pytest.raises(FileExistsError):
        KeyEncryptionKey.create(path)
    assert KeyEncryptionKey.load(path).unwrap(wrapped) == KEY


def test_two_made_keys_differ(tmp_path: Path) -> None:
    first = KeyEncryptionKey.create(tmp_path / "a")
    KeyEncryptionKey.create(tmp_path / "b")
    with pytest.raises(SealBroken):
        KeyEncryptionKey.load(tmp_path / "b").unwrap(first.wrap(KEY))


@pytest.mark.parametrize(
    "text", [b"", b"depesha-kek-1 AAAA\n", b"depesha-kek-1 ????\n", b"A" * 44, b"\xff\xfe", b"\x00" * 64]
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "kek"
    path.write_bytes(text)
    with pytest.raises(ValueError, match="holds no key-encryption key"):
        KeyEncryptionKey.load(path)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyEncryptionKey(bytes(16))
