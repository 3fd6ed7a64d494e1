"""The Java peer: built by Maven when its sources are newer than its jar, and driven over a pipe, one JVM a session."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent / "phase4"
JAR = PROJECT / "target" / "phase4-peer.jar"
JAVA = 17
BUILD_SECONDS = 900
# Once in some 1,500 messages phase4 answers EBMS:0102 with these words, also to itself; sealed anew it takes the same.
KNOWN_STUMBLE = b"Unsupported key type"


class NotAvailable(Exception):
    """Java or Maven is missing here; the text says which."""


def require_java() -> None:
    """Raises NotAvailable unless Java (17 or later) and Maven are on the path."""
    java, mvn = shutil.which("java"), shutil.which("mvn")
    if java is None:
        raise NotAvailable(f"there is no java here (Java {JAVA} or later is needed)")
    told = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    if found is None or int(found[1]) < JAVA:
        raise NotAvailable(f"java is {found[1] if found else 'unreadable'}, and {JAVA} or later is needed")
    if mvn is None and _is_stale():
        raise NotAvailable("there is no mvn here to build the phase4 peer with")


def _is_stale() -> bool:
    sources = [PROJECT / "pom.xml", *(path for path in (PROJECT / "src").rglob("*") if path.is_file())]
    return not JAR.exists() or JAR.stat().st_mtime < max(path.stat().st_mtime for path in sources)


def build(say: Callable[[str], None]) -> None:
    """Build the jar if its sources changed. Raises RuntimeError with Maven's own words when it cannot."""
    if not _is_stale():
        return
    say("Building the phase4 peer with Maven; the first time it downloads about 80 libraries (a minute or more) …")
    began, spoke, fetched, lines = time.monotonic(), time.monotonic(), 0, []
    process = subprocess.Popen(
        ["mvn", "-B", "package"], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        fetched += "Downloaded" in line
        lines.append(line)
        now = time.monotonic()
        if now - began > BUILD_SECONDS:
            process.kill()
            raise RuntimeError(f"Maven was not done after {BUILD_SECONDS} s")
        if now - spoke > 10:
            spoke = now
            say(f"  … {now - began:.0f} s, {fetched} files downloaded")
    if process.wait() != 0:
        raise RuntimeError("Maven could not build the phase4 peer:\n" + "".join(lines[-40:]))
    say(f"Built in {time.monotonic() - began:.0f} s.")


class Phase4:
    """A running JVM that sends, receives and answers orders. What it logs goes to a file beside its deliveries."""

    def __init__(self, directory: Path, options: Sequence[str] = ("-XX:+UseSerialGC", "-Xmx512m")) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._log = (directory / "phase4.log").open("w")
        self._process = subprocess.Popen(
            ["java", *options, "-jar", str(JAR), "drive"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("JAVA_TOOL_OPTIONS")},
        )
        self._sent = 0
        self.about = self._read()

    @property
    def process(self) -> int:
        """The process id of the JVM."""
        return self._process.pid

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the phase4 peer ended (status {self._process.wait(10)}); see {self._log.name}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def order(self, op: str, **fields: Any) -> dict[str, Any]:
        """One order, one answer. Raises RuntimeError when the driver could not carry it out."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if not answer["ok"]:
            raise RuntimeError(f"phase4 peer: {op}: {answer['problem']}; see {self._log.name}")
        return answer

    def send(self, **fields: Any) -> list[dict[str, Any]]:
        """Send a message; one outcome a posting."""
        self._sent += 1
        out = self.directory / "sent" / f"{self._sent:04}"
        outcomes: list[dict[str, Any]] = self.order("send", out=str(out), **fields)["outcomes"]
        return outcomes

    def stumbled(self) -> bool:
        """Whether the known stumble has happened since the start."""
        return KNOWN_STUMBLE in Path(self._log.name).read_bytes()

    def close(self) -> None:
        """End the JVM."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


class Inbox:
    """What one endpoint of the peer took in: a folder a message, whole when it appears."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def messages(self, message_id: str) -> list[Path]:
        """The folders of the deliveries with this id."""
        return [
            path.parent
            for path in sorted(self.directory.glob("*/message.json"))
            if not path.parent.name.startswith(".") and read(path.parent)["message_id"] == message_id
        ]


def read(folder: Path) -> Mapping[str, Any]:
    """The header of one delivery, as phase4 read it."""
    header: Mapping[str, Any] = json.loads((folder / "message.json").read_text())
    return header
