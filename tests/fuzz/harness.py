"""What the fuzzers share: seeds, the corpus kept here, a process of its own for libFuzzer, which never returns.

    python tests/fuzz/fuzz_open.py -max_total_time=60

A run starts from the seeds that the fuzzer makes and from `corpus/NAME/`, some of the small inputs that runs have kept.
It writes new ones to a temporary folder, or to the first folder named.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

CHILD = "DEPESHA_FUZZ_CHILD"
"""Set in the process that fuzzes."""
CORPUS = Path(__file__).parent / "corpus"
LONGEST = 32_768
"""Octets of an input, unless a fuzzer says otherwise."""


def corpus_of(file: str) -> Path:
    """The folder of the corpus that belongs to a fuzzer: of `fuzz_open.py` it is `corpus/open`."""
    return CORPUS / Path(file).stem.removeprefix("fuzz_")


def is_child() -> bool:
    """Whether this is the process that fuzzes."""
    return CHILD in os.environ


def run(
    file: str,
    test_one_input: Callable[[bytes], None],
    seeds: Callable[[], Iterable[bytes]],
    words: Iterable[bytes],
    longest: int = LONGEST,
) -> None:
    """Fuzz; `words` are what mutations may put in."""
    if is_child():
        options = sys.argv if any(a.startswith("-max_len") for a in sys.argv) else [*sys.argv, f"-max_len={longest}"]
        atheris.Setup(options, test_one_input)
        atheris.Fuzz()
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "seeds"
        made.mkdir()
        for n, seed in enumerate(seeds()):
            (made / f"seed-{n:03d}").write_bytes(seed)
        dictionary = Path(folder) / "words"
        dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in words))
        arguments = sys.argv[1:]
        if all(argument.startswith("-") for argument in arguments):
            new = Path(folder) / "new"
            new.mkdir()
            arguments.append(str(new))
        kept = [str(corpus_of(file))] if corpus_of(file).is_dir() else []
        command = [sys.executable, file, *arguments, f"-dict={dictionary}", str(made), *kept]
        sys.exit(subprocess.run(command, env={**os.environ, CHILD: "1"}).returncode)


def _escaped(word: bytes) -> str:
    return "".join(chr(octet) if 32 <= octet < 127 and octet not in b'"\\' else f"\\x{octet:02x}" for octet in word)
