"""Attachments before they are sent: what they are by content against what they are called, their size, and images
without metadata where the sender chooses so."""

import hashlib
from collections.abc import Mapping, Sequence

from node.exchange.judgement import SubmissionRefused, refused_record
from node.exchange.parts_to_send import PartToSend, PreparedPart
from node.records.check import CheckedRecord
from node.records.content_types import content_type, is_markup, signed_type
from node.records.fields import attachments, with_digests
from node.records.image_metadata import LARGEST_IMAGE, MetadataKept, without_metadata
from node.records.problems import Problem

TYPE, PROGRAM, EMPTY = "attachment:type", "attachment:program", "attachment:empty"


def require_true_types(record: CheckedRecord, name: str, parts: Sequence[PreparedPart]) -> None:
    """Require that each file that goes along is what record and message call it, as far as its content tells, holds
    something, and is no program. Raises SubmissionRefused with every difference."""
    listed = {one.name: one.media_type for one in attachments(record.root, record.shape)}
    problems: list[Problem] = []
    for n, part in enumerate(parts, start=2):
        called = part.name or f"part {n}"
        names = {"the record": listed.get(called), "its part": part.info.mime_type}
        claims = {who: said for who, said in names.items() if said is not None}
        problems += _differences(part, called, claims)
    if problems:
        raise refused_record(name, problems)


def _differences(part: PreparedPart, called: str, claims: Mapping[str, str]) -> list[Problem]:
    """What is wrong with a file that goes by these media types."""
    if part.size == 0:
        remedy = "Attach the file that was meant, or take it out of the record."
        return [_problem(EMPTY, "an empty file", "a file with content", called, remedy)]
    found = content_type(part.head)
    if found is not None and found.program:
        remedy = "Leave it out: programs are not exchanged."
        return [_problem(PROGRAM, found.name, "a document or an image", called, remedy)]
    if found is None:
        return [one for who, said in claims.items() if (one := _unsigned(part.head, called, who, said)) is not None]
    remedy = f"Put {found.media_type} in its place, or attach the file that was meant."
    wrong = {who: said for who, said in claims.items() if not found.may_be_called(said)}
    return [
        _problem(TYPE, f"{found.name} that {who} calls {said}", found.media_type, called, remedy)
        for who, said in wrong.items()
    ]


def _unsigned(head: bytes, called: str, who: str, said: str) -> Problem | None:
    """What is wrong with a file that no signature tells and that is called `said`."""
    signed = signed_type(said)
    markup = is_markup(head)
    if signed is None and not (markup and said.lower().startswith("image/")):
        return None
    content = "text with tags (HTML, SVG, XML)" if markup else "content without a known signature"
    expected = f"a file that begins as {signed.name} does" if signed is not None else "a picture without text"
    remedy = "Attach the file that was meant, or save it anew as PDF, JPEG or PNG."
    return _problem(TYPE, f"{content} that {who} calls {said}", expected, called, remedy)


def require_size(parts: Sequence[PreparedPart], largest_megabytes: int) -> None:
    """Raise SubmissionRefused, naming the largest part, for parts that are together too large for a message."""
    total = sum(part.signed_size for part in parts)
    if total > largest_megabytes * 1_000_000:
        largest = max(parts, key=lambda part: part.signed_size)
        raise SubmissionRefused(
            f"The message: found {total} bytes, expected at most {largest_megabytes} MB (setting "
            f"largest_message_megabytes); {largest.name or 'one part'} has {largest.signed_size}. Scan it with fewer "
            "dots per inch (300 are enough) or in grey, save it as PDF or JPEG, or send it in several messages of the "
            "case."
        )


def stripped(record: CheckedRecord, parts: Sequence[PartToSend]) -> tuple[bytes, list[PartToSend]]:
    """The record and its attachments, images without metadata: where the record lists the SHA-256 of such a file, that
    of the stripped one stands in its place. Raises SubmissionRefused for an image that cannot be done."""
    digests: dict[str, str] = {}
    done: list[PartToSend] = []
    listed = {one.name: one.sha256 for one in attachments(record.root, record.shape)}
    for part in parts:
        name = part.name or "the attachment"
        content = _beginning(part)
        if len(content) > LARGEST_IMAGE:
            # Of a larger file only the beginning is looked at: an image is refused in words, others go as they are.
            _strip(content, name)
            done.append(part)
            continue
        bare = _strip(content, name)
        if bare == content:
            done.append(part)
            continue
        if listed.get(name) == hashlib.sha256(content).hexdigest():
            digests[name] = hashlib.sha256(bare).hexdigest()
        done.append(PartToSend.of_bytes(bare, part.media_type, part.name))
    return with_digests(record.root, record.shape, digests) if digests else b"", done


def _strip(content: bytes, name: str) -> bytes:
    try:
        return without_metadata(content, name)
    except MetadataKept as error:
        raise SubmissionRefused(str(error)) from error


def _beginning(part: PartToSend) -> bytes:
    """The content, or a little more than the largest image of it."""
    content = bytearray()
    for chunk in part.content():
        content += chunk
        if len(content) > LARGEST_IMAGE:
            break
    return bytes(content)


def _problem(rule: str, found: str, expected: str, name: str, remedy: str) -> Problem:
    return Problem.at(f"/{name}", 0, rule=rule, found=found, expected=expected, remedy=remedy)
