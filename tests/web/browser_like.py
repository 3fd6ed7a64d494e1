"""A small stand-in for a browser that asks an ASGI application in process: it keeps cookies and follows redirects."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Answer:
    """A response; header names are in small letters, the last of several counts but for `cookies`."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def field(self, name: str) -> str:
        """The value of the hidden field of that name."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, f"no field {name} in the page"
        return found[1]


class BrowserLike:
    def __init__(self, app: Any, scheme: str = "https") -> None:
        self._app = app
        self._scheme = scheme
        self.cookies: dict[str, str] = {}

    def get(self, address: str, **headers: str) -> Answer:
        return self.ask("GET", address, headers=headers)

    def post(self, address: str, form: dict[str, str], **headers: str) -> Answer:
        sent = {"content_type": "application/x-www-form-urlencoded", "sec_fetch_site": "same-origin"} | headers
        return self.ask("POST", address, urlencode(form).encode(), sent)

    def ask(self, method: str, address: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        answer = asyncio.run(self._ask(method, address, body, headers or {}))
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    async def _ask(self, method: str, address: str, body: bytes, headers: dict[str, str]) -> Answer:
        parts = urlsplit(address)
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"host": "depesha.example"}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": self._scheme,
            "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "server": ("depesha.example", 443), "client": ("192.0.2.7", 40000),
        }  # fmt: skip
        messages: list[dict[str, Any]] = []
        arrived = False

        async def receive() -> dict[str, Any]:
            nonlocal arrived
            if arrived:
                await asyncio.Event().wait()
            arrived = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        raw = [(name.decode().lower(), value.decode()) for name, value in messages[0]["headers"]]
        return Answer(
            messages[0]["status"],
            dict(raw),
            [value for name, value in raw if name == "set-cookie"],
            b"".join(m.get("body", b"") for m in messages[1:]),
        )
