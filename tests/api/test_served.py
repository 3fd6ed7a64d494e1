"""A node that serves: the interface beside the pages, on two ports and on one, delivering what programs send."""

import re
import time
import uuid
from pathlib import Path

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.access.test_programs import public
from tests.trust_doors.homes import Home


def ask(url: str, bearer: str) -> int:
    return requests.get(url, headers={"Authorization": f"Bearer {bearer}"}, timeout=30).status_code


def test_beside_the_pages_by_token_and_by_the_audience_that_the_command_prints(tmp_path: Path) -> None:
    home, key = Home(tmp_path / "home", "north"), ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(public(key))
    # Both on one port: then the wire's addresses are there too.
    with home.serving("--outside", home.inside, "--inside", home.inside):
        token = home.do("token", "add", "register", "--role", "officer")
        signing = home.do("token", "add", "archive", "--role", "auditor", "--key", str(tmp_path / "key.pem"))
        base = f"http://{home.inside}"
        assert token["address"] == f"{base}/api/v1"
        assert ask(f"{base}/api/v1/messages", token["token"]) == 200
        claims = {
            "iss": "archive", "aud": signing["audience"], "exp": int(time.time()) + 60, "jti": str(uuid.uuid4()),
        }  # fmt: skip
        assertion = jwt.encode(claims, key, "EdDSA")
        assert [ask(f"{base}/api/v1/cases", assertion) for _ in range(2)] == [200, 401]
        for path, status in (("/api/v1/version", 401), ("/healthz", 200), ("/metrics", 200)):
            assert requests.get(base + path, timeout=30).status_code == status, path
        assert "checks" in requests.get(base + "/readyz", timeout=30).json()
        assert requests.get(base + "/cases", timeout=30, allow_redirects=False).status_code == 303
        assert requests.get(base + "/api/v1", timeout=30).status_code == 404
        home.do("token", "remove", "register")
        assert ask(f"{base}/api/v1/messages", token["token"]) == 401
    log = home.log.read_text()
    assert "token refused" in log
    assert not re.search("depesha_[A-Za-z0-9_-]{20}|" + re.escape(assertion[:40]), log)
    assert "Traceback" not in log
    assert '"where"' not in log
