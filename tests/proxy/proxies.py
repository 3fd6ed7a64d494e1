"""The proxies of the how-to page, run with its very files; only addresses, names of files and, to see them act, limits
are put in."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.interop.nodes import until
from tests.proxy.conftest import program
from tests.trust_doors.homes import ROOT

HOW_TO = ROOT / "docs" / "how-to"
STOP_SECONDS = 15
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


def filled_in(name: str, replaced: Mapping[str, str]) -> str:
    """A file of the page with these texts replaced; each must be there."""
    text = (HOW_TO / name).read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def nginx(folder: Path, port: int, upstream: str, keys: Path, **limits: str) -> Iterator[None]:
    """nginx listens on `port` with the pair in `keys` while this lasts; `limits` replace the values of directives."""
    path = program("nginx")
    folder.mkdir()
    replaced = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "server 127.0.0.1:17443;": f"server {upstream};",
        "/var/lib/depesha/keys": str(keys),
    }
    text = filled_in("nginx.conf", replaced)
    for directive, value in limits.items():
        lines = [line for line in text.splitlines() if line.split()[:1] == [directive]]
        assert len(lines) == 1, directive
        text = text.replace(lines[0], f"{directive} {value};")
    (folder / "depesha.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX_FRAME.format(folder=folder, user=user))
    with _running([path, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")], port):
        yield


@contextlib.contextmanager
def haproxy(folder: Path, port: int, upstream: str, keys: Path) -> Iterator[None]:
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
    (folder / "haproxy.cfg").write_text(filled_in("haproxy.cfg", replaced))
    with _running([path, "-db", "-f", str(folder / "haproxy.cfg")], port):
        yield


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    log = Path(command[-1]).with_name("said.log")
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        until(lambda: _listens(process, port, log), 15, f"{command[0]} listens")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
