"""What goes along with a record is what it is called, not too large, and without metadata where that was asked for."""

import hashlib
from pathlib import Path

import pytest

from node.exchange.attachments import EMPTY, PROGRAM, TYPE
from node.exchange.contents import part_content
from node.exchange.judgement import SubmissionRefused
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE
from tests.exchange.conftest import WorldMaker
from tests.exchange.offices import ACTION, APPLICATION, EXAMPLES, RECORDS, SERVICE
from tests.exchange.test_judgement import APPLIED, record
from tests.records.test_attached_files import PHOTOGRAPH, PNG_FILE, SECRET, exif, segment

PASSPORT = EXAMPLES / "attachments" / "passport-p1.pdf"
LOUD = PHOTOGRAPH[:2] + segment(0xE1, exif(1)) + PHOTOGRAPH[2:]


def photograph(content: bytes) -> PartToSend:
    return PartToSend.of_bytes(content, "image/jpeg", "photograph-p1.jpg")


def listing(content: bytes) -> PartToSend:
    """The application, which lists this photograph."""
    old, new = (hashlib.sha256(one).hexdigest().encode() for one in (PHOTOGRAPH, content))
    assert old in APPLIED
    return record(APPLIED.replace(old, new))


@pytest.mark.parametrize(
    ("content", "rules", "word"),
    [
        (
            b"".join(PNG_FILE),
            [TYPE] * 2,
            r"found PNG that the record calls image/jpeg, expected image/png\. Put image/png in its place",
        ),
        (
            b"MZ\x90\x00" + bytes(100_000),
            [PROGRAM],
            r"found a program, expected a document or an image\. Leave it out",
        ),
        (b"", [EMPTY], "found an empty file, expected a file with content"),
        (
            b"\xef\xbb\xbf\n<html><script>",
            [TYPE] * 2,
            r"text with tags \(HTML, SVG, XML\) that the record calls image/jpeg, expected a file that begins as JPEG",
        ),
        (b"Dear colleague", [TYPE] * 2, "found content without a known signature that its part calls image/jpeg"),
    ],
)
async def test_a_file_that_is_something_else_than_it_is_called_is_refused(
    make_world: WorldMaker, content: bytes, rules: list[str], word: str
) -> None:
    world = await make_world(send=False)
    passport = PartToSend.of_file(PASSPORT)
    with pytest.raises(SubmissionRefused, match=word) as refused:
        world.ours.submit(
            "theirs", listing(content), photograph(content), passport, service=RECORDS, action=APPLICATION
        )
    assert [one.rule for one in refused.value.problems] == rules
    assert world.ours.blob_files() == set()
    assert world.ours.count(MESSAGE) == 0


@pytest.mark.parametrize(
    ("media_type", "head", "passes"),
    [
        ("image/svg+xml", b"<svg onload='x()'>", False),
        ("image/bmp", "\ufeff<!DOCTYPE html>".encode("utf-16-le"), False),
        ("image/bmp", b"BM\x36\x00", True),
        ("application/xml", b"<?xml version='1.0'?>", True),
        ("text/plain", b"Dear colleague", True),
        ("application/pdf", b"<html>", False),
        ("application/vnd.oasis.opendocument.text", b"anything", True),
        *((kind, b"\x01\x02", False) for kind in ("image/png", "image/tiff", "image/jp2", "image/heif", "image/wsq")),
    ],
)
async def test_a_type_that_is_known_by_its_signature_must_show_it(
    make_world: WorldMaker, media_type: str, head: bytes, passes: bool
) -> None:
    world = await make_world(send=False)
    called = [media_type.encode(), hashlib.sha256(head).hexdigest().encode()]
    was = [b"image/jpeg", hashlib.sha256(PHOTOGRAPH).hexdigest().encode()]
    content = APPLIED
    for old, new in zip(was, called, strict=True):
        assert old in content
        content = content.replace(old, new)
    parts = record(content), PartToSend.of_bytes(head, media_type, "photograph-p1.jpg"), PartToSend.of_file(PASSPORT)
    if passes:
        assert world.ours.submit("theirs", *parts, service=RECORDS, action=APPLICATION)
        return
    with pytest.raises(SubmissionRefused, match=r"photograph-p1\.jpg"):
        world.ours.submit("theirs", *parts, service=RECORDS, action=APPLICATION)


def test_the_type_of_a_file_follows_from_its_content(tmp_path: Path) -> None:
    scan = tmp_path / "scan.jpg"
    scan.write_bytes(b"".join(PNG_FILE))
    assert PartToSend.of_file(scan).media_type == "image/png"
    letter = tmp_path / "letter.docx"
    letter.write_bytes(b"PK\x03\x04" + bytes(100))
    assert PartToSend.of_file(letter).media_type.endswith("wordprocessingml.document")


async def test_metadata_is_taken_out_and_the_record_lists_what_goes(make_world: WorldMaker) -> None:
    world = await make_world()
    passport = PartToSend.of_file(PASSPORT)
    sent = world.ours.submit(
        "theirs", listing(LOUD), photograph(LOUD), passport, service=RECORDS, action=APPLICATION, strip_metadata=True
    )
    await world.ours.reaches(sent, "delivered")
    row = world.theirs.row(sent)
    contents = [b"".join(part_content(world.theirs.node, row["id"], n, compressed=True)) for n in (1, 2, 3)]
    assert contents[1:] == [PHOTOGRAPH, PASSPORT.read_bytes()]
    assert SECRET in LOUD
    assert not any(SECRET in content for content in contents)


async def test_an_image_that_cannot_be_stripped_is_refused_in_words(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    with pytest.raises(SubmissionRefused, match=r"photograph-p1\.jpg: found TIFF, expected JPEG, PNG or JPEG 2000"):
        world.ours.submit(
            "theirs", listing(b"II*\x00scan"), photograph(b"II*\x00scan"), PartToSend.of_file(PASSPORT),
            service=RECORDS, action=APPLICATION, strip_metadata=True,
        )  # fmt: skip


async def test_parts_too_large_for_a_message_are_refused_in_words_and_nothing_stays(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    large = PartToSend("image/tiff", lambda: (bytes(1_000_000) for _ in range(3)), "scan.tif", compress=False)
    object.__setattr__(
        world.ours.node, "settings", world.ours.node.settings.model_copy(update={"largest_message_megabytes": 2})
    )
    with pytest.raises(SubmissionRefused, match=r"at most 2 MB .*scan\.tif has 3000000\. Scan it with fewer dots"):
        world.ours.submit("theirs", large, service=SERVICE, action=ACTION)
    assert world.ours.blob_files() == set()
