"""The proxies of the how-to page, run with its very files; only addresses, names of files and, to see them act, limits
are put in."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.interop.nodes import until
from tests.left_out import leave_out
from tests.trust_doors.homes import ROOT

LEFT_OUT = "The reverse proxy was left out"
HOW_TO = ROOT / "docs" / "how-to"
START_SECONDS = 60
STOP_SECONDS = 60
NGINX_FRAME = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/depesha.conf;
}}
"""


def program(name: str) -> str:
    """Where a proxy's program is; skips, and in CI fails, where it is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        leave_out(f"{LEFT_OUT}: {name} is missing")
    return found


def filled_in(name: str, replaced: Mapping[str, str], limits: Mapping[str, str]) -> str:
    """A file of the page with these texts replaced, and the values of these directives; each must be there."""
    text = (HOW_TO / name).read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    for directive, value in limits.items():
        pattern = rf"^(\s*{re.escape(directive)}\s+)[^\s;]+(;?)$"
        text, count = re.subn(pattern, rf"\g<1>{value}\g<2>", text, flags=re.MULTILINE)
        assert count == 1, f"{name} has {directive!r} {count} times"
    return text


@contextlib.contextmanager
def nginx(
    folder: Path, port: int, upstream: str, keys: Path, limits: Mapping[str, str] = MappingProxyType({})
) -> Iterator[int]:
    """nginx listens on `port` with the pair in `keys` while this lasts; `limits` replace the values of directives.

    Gives the id of its process."""
    path = program("nginx")
    folder.mkdir()
    replaced = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "server 127.0.0.1:17443;": f"server {upstream};",
        "/var/lib/depesha/keys": str(keys),
    }
    (folder / "depesha.conf").write_text(filled_in("nginx.conf", replaced, limits))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX_FRAME.format(folder=folder, user=user))
    command = [path, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
    with _running(command, port) as process:
        yield process


@contextlib.contextmanager
def haproxy(
    folder: Path, port: int, upstream: str, keys: Path, limits: Mapping[str, str] = MappingProxyType({})
) -> Iterator[int]:
    """HAProxy, likewise."""
    path = program("haproxy")
    folder.mkdir()
    pair = folder / "depesha.pem"
    pair.write_bytes((keys / "tls.cert.pem").read_bytes() + (keys / "tls.key.pem").read_bytes())
    replaced = {
        "bind :443": f"bind 127.0.0.1:{port}",
        "server node 127.0.0.1:17443": f"server node {upstream}",
        "/etc/haproxy/depesha.pem": str(pair),
    }
    (folder / "haproxy.cfg").write_text(filled_in("haproxy.cfg", replaced, limits))
    with _running([path, "-db", "-f", str(folder / "haproxy.cfg")], port) as process:
        yield process


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[int]:
    log = Path(command[-1]).with_name("said.log")
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        until(lambda: _listens(process, port, log), START_SECONDS, f"{command[0]} listens")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def open_files(process: int, folder: Path) -> list[str]:
    """The files under the folder that a process and its children have open, those already unlinked too."""
    found = []
    for name in {process, *_children(process)}:
        for descriptor in Path(f"/proc/{name}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(str(descriptor.readlink()))
    return [path for path in found if path.startswith(f"{folder}/")]


def _children(process: int) -> set[int]:
    told = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return {int(one) for one in told}
