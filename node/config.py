"""Settings of one node: `depesha.toml` in its home folder, each also as DEPESHA_… in the environment (which wins).

A setting that is wrong is named with its value and what it should be; nothing is guessed and no check is switched off.
"""

import base64
import ipaddress
import json
import os
import re
import shlex
import ssl
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

FILE = "depesha.toml"
PREFIX = "DEPESHA_"
# Read elsewhere, before or beside the settings of a home.
OTHER_VARIABLES = frozenset({"DEPESHA_HOME", "DEPESHA_CRASH_AT"})
_LISTS = ("trusted_proxies", "webhooks", "webhook_secrets")
SECRETS_REMEDY = (
    "Put it into the environment of `depesha serve` as DEPESHA_WEBHOOK_SECRETS, and into that of this command to check "
    "it, or leave webhooks out."
)
WEBHOOK_SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins
TlsVersion = Literal["1.2", "1.3"]
TLS_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# An element of OpenSSL's list; no @ command, which could lower what keys and signatures must be.
_CIPHER_ELEMENT = re.compile(r"[!+-]?[A-Za-z0-9_][A-Za-z0-9_+-]*")


class ConfigError(Exception):
    """A setting is missing or wrong; the text names it, the value found and the remedy."""


class Settings(BaseModel):
    """Everything that may be set for a node. Field descriptions are the reference that documentation is made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    party: str = Field(min_length=1, description="our party id, as peers write it in eb:PartyId")
    party_type: str | None = Field(None, description="the type attribute of our eb:PartyId")
    name: str = Field(min_length=1, description="the administration's name, as people read it")
    country: str | None = Field(None, pattern="^[A-Z]{3}$", description="ISO 3166-1 alpha-3 code")
    url: str | None = Field(None, description="the wire's full address, as peers reach it")
    demonstration: bool = Field(False, description="pages say that persons are specimens")
    database_url: str | None = Field(None, description="sqlite:///… or postgresql+psycopg://…; a file here by default")
    outside: str = Field("127.0.0.1:17443", description="HOST:PORT that peers reach")
    inside: str = Field("127.0.0.1:17080", description="HOST:PORT for pages, readiness and metrics")
    pages_url: str | None = Field(None, description="where people reach the pages, if not at `inside`: through a proxy")
    zone: str | None = Field(None, description="IANA time zone of the times on pages; the country's by default, or UTC")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    trusted_proxies: tuple[str, ...] = Field((), description="addresses whose X-Forwarded headers are believed")
    card_names_tls: bool = Field(
        True, description="our card names our own TLS certificate; false where a proxy shows one of a public authority"
    )
    tls_lowest: TlsVersion = Field("1.2", description="oldest version of TLS spoken, 1.2 or 1.3; 1.3 is preferred")
    tls_ciphers: str = Field(TLS_CIPHERS, description="cipher suites of TLS 1.2, as OpenSSL lists them")
    allow_unilateral_terms: bool = Field(
        False, description="allow terms by our own word with a peer that could sign them; every message is marked so"
    )
    retry_first_seconds: float = Field(5, gt=0, le=3600, description="pause before the second attempt")
    retry_longest_seconds: float = Field(600, gt=0, le=86400, description="longest pause between two attempts")
    retry_hours: float = Field(48, gt=0, le=24 * 60, description="after this a message is given up (EBMS:0301)")
    attempt_seconds: float = Field(
        120, gt=0, le=7200, description="a peer that takes no more of a message, or does not answer, is left after this"
    )
    deliveries_in_flight: int = Field(32, ge=1, le=512, description="attempts under way at once in one process")
    commit_gather_milliseconds: float = Field(3, ge=0, le=100, description="how long a commit waits for company")
    commit_in_thread: bool = Field(False, description="commit in a thread: kinder to a slow disk, slower on a fast one")
    largest_message_megabytes: int = Field(1536, ge=1, le=65536, description="larger messages are refused")
    disk_floor_megabytes: int = Field(512, ge=0, description="with less free space nothing more is taken in (503)")
    recognise_own_form: bool = Field(
        True, description="read what peers write exactly as this program does without an XML parser; false parses all"
    )
    connections_per_peer: int = Field(
        64, ge=1, description="requests of one peer served at once; more wait a second, then get 503"
    )
    unproved_per_address: int = Field(
        256, ge=1, description="requests from one address at once whose sender is not proved yet; more get 503"
    )
    webhooks: tuple[str, ...] = Field((), description="addresses that are told of events, signed")
    webhook_secrets: tuple[SecretStr, ...] = Field(
        (), description="secrets that events are signed with: whsec_ and base64 of 24 to 64 random bytes"
    )
    virus_scanner: str | None = Field(
        None, description="what scans received attachments: icap://HOST:PORT/SERVICE, or a command that reads one"
    )
    answer_days: float = Field(
        14, gt=0, le=365, description="when what was asked without a time to answer is to be answered: our own order"
    )
    mail_server: str | None = Field(
        None, description="what sends reminders: smtps://HOST:465, or smtp://HOST:587 (STARTTLS; plain on loopback)"
    )
    mail_from: str | None = Field(None, description="the address that reminders come from")
    mail_user: str | None = Field(None, description="the mail server's account, where it wants one")
    mail_password: SecretStr | None = Field(None, description="its password")

    @field_validator("mail_server")
    @classmethod
    def _sends_mail(cls, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            parts = urlsplit(text)
            usable = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port
        except ValueError:  # a port that is no number
            usable = False
        if not usable or parts.username or parts.path or parts.query or parts.fragment:
            raise ValueError("give smtps://HOST:PORT or smtp://HOST:PORT; the account in mail_user and mail_password")
        return text

    @model_validator(mode="after")
    def _mail_has_a_sender(self) -> "Settings":
        if self.mail_server and (not self.mail_from or "@" not in self.mail_from):
            raise ValueError("mail_server needs mail_from, an address as depesha@interior.example")
        if (self.mail_user is None) != (self.mail_password is None):
            raise ValueError("mail_user and mail_password go together")
        return self

    @field_validator("virus_scanner")
    @classmethod
    def _asked_how(cls, text: str | None) -> str | None:
        if text is None:
            return None
        parts = urlsplit(text)
        if parts.scheme in ("icap", "icaps", "http", "https") and (parts.scheme != "icap" or not parts.hostname):
            raise ValueError("give icap://HOST:PORT/SERVICE, or a command as clamdscan --no-summary -")
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise ValueError(f"the command cannot be read ({error})") from error
        if not words:
            raise ValueError("give icap://HOST:PORT/SERVICE, or a command as clamdscan --no-summary -")
        return text

    @field_validator("pages_url")
    @classmethod
    def _origin(cls, text: str | None) -> str | None:
        if text is None:
            return None
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or f"{parts.scheme}://{parts.netloc}" != text:
            raise ValueError("give scheme, host and port only, for instance https://depesha.interior.example")
        return text

    @field_validator("webhooks")
    @classmethod
    def _receivers(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            parts = urlsplit(address)
            by_https = parts.scheme == "https" or (parts.scheme == "http" and host_is_loopback(parts.hostname or ""))
            if not by_https or not parts.hostname or parts.username or parts.fragment:
                raise ValueError("give each as https://HOST/PATH; http only with a loopback host")
        if len(set(addresses)) < len(addresses):
            raise ValueError("one is named twice; leave it out once")
        return addresses

    @field_validator("webhook_secrets")
    @classmethod
    def _random_enough(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            try:
                key = base64.b64decode(secret.get_secret_value().removeprefix(WEBHOOK_SECRET_PREFIX), validate=True)
            except ValueError:
                key = b""
            if not secret.get_secret_value().startswith(WEBHOOK_SECRET_PREFIX) or not 24 <= len(key) <= 64:
                raise ValueError(
                    'give each as whsec_ and base64 of 24 to 64 random bytes: echo "whsec_$(openssl rand -base64 32)"'
                )
        return secrets

    @property
    def unsigned_webhooks(self) -> str:
        """What is wrong where events are to be told and nothing is there to sign them with, else empty. Only who tells
        them needs the secrets: other commands run without."""
        if not self.webhooks or self.webhook_secrets:
            return ""
        return "webhook_secrets: found none, expected one at least, since webhooks are set and events are signed"

    @field_validator("tls_ciphers")
    @classmethod
    def _known_good_suites(cls, text: str) -> str:
        for element in text.split(":"):
            if not _CIPHER_ELEMENT.fullmatch(element) or not suites_of(element.lstrip("!+-")):
                raise ValueError(
                    f"{element!r} names no suite of TLS 1.2 that this machine's OpenSSL has; separate suites by a "
                    "colon (`openssl ciphers -v` lists them), and leave those of TLS 1.3 to OpenSSL"
                )
        suites = suites_of(text)
        if not suites:
            raise ValueError(f"it leaves no suite; give for instance {TLS_CIPHERS}")
        bad = [name for name, is_good in suites.items() if not is_good]
        if bad:
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            raise ValueError(
                f"{bad[0]}{more}: not both ECDHE and authenticated encryption (GCM, CCM, CHACHA20); "
                f"leave out what is not, or give for instance {TLS_CIPHERS}"
            )
        return text

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is None:
            return None
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, as Europe
            raise ValueError("this machine knows no such time zone; give one as Europe/Belgrade") from None
        return name


def split_address(address: str) -> tuple[str, int]:
    """HOST:PORT as host and port; an IPv6 host stands in brackets. Raises ConfigError."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{address!r} is no HOST:PORT. Give for instance 127.0.0.1:17080, or [::1]:17080.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def suites_of(ciphers: str) -> dict[str, bool]:
    """The suites of TLS 1.2 that an OpenSSL list names, in its order, and whether each has ECDHE and authenticated
    encryption; none for a list that OpenSSL does not take."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        return {}
    found: list[dict[str, Any]] = [dict(suite) for suite in context.get_ciphers()]
    return {
        suite["name"]: suite["aead"] and suite["kea"] == "kx-ecdhe" for suite in found if suite["protocol"] != "TLSv1.3"
    }


def host_is_loopback(host: str) -> bool:
    """Whether a listener on `host` is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def settings_path(home: Path) -> Path:
    """Where the settings of the node in `home` stand."""
    return home / FILE


def load_settings(home: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the node in `home`, those of the environment put over the file's.

    Raises ConfigError when there is no node, the file is no TOML, or a setting is unknown or wrong.
    """
    path = settings_path(home)
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if (home / "keys").is_dir():
            raise ConfigError(
                f"{home} holds keys of a node, but no {FILE}: put your copy of this folder back. "
                "`depesha init` writes over no keys."
            ) from None
        raise ConfigError(
            f"There is no node in {home}. Make one with: depesha init --home {home} --party ID --name N --url URL"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}. Correct that line.") from None
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and variable not in OTHER_VARIABLES:
            name = variable.removeprefix(PREFIX).lower()
            if name in Settings.model_fields:
                values[name] = _from_environment(name, text)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(path, problem) for problem in error.errors())) from None


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """DEPESHA_… variables that name no setting: most likely misspelt."""
    return sorted(
        variable
        for variable in environment
        if variable.startswith(PREFIX)
        and variable not in OTHER_VARIABLES
        and not variable.startswith("DEPESHA_TEST_")
        and variable.removeprefix(PREFIX).lower() not in Settings.model_fields
    )


def write_settings(home: Path, values: Mapping[str, str | int | float | bool]) -> None:
    """Write `depesha.toml` with `values`; the other settings keep their defaults.

    Raises FileExistsError when the home folder has one already; what cannot be written whole is taken away again.
    """
    lines = ["# Settings of this node; docs/reference/settings.md lists them all.", ""]
    lines += [f"{name} = {_toml(value)}" for name, value in values.items()]
    path = settings_path(home)
    with path.open("x", encoding="utf-8") as file:
        try:
            file.write("\n".join(lines) + "\n")
            file.flush()
        except BaseException:
            path.unlink()
            raise


def _toml(value: str | int | float | bool) -> str:
    # A JSON string, number or boolean is a TOML one, once what JSON leaves unescaped (DEL) is out of the way.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _from_environment(name: str, text: str) -> Any:
    if name in _LISTS:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _explain(path: Path, problem: Any) -> str:
    name = ".".join(str(step) for step in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{path}: there is no setting {name!r}. Remove the line or correct its name."
    if problem["type"] == "missing":
        return f"{path}: the setting {name!r} is missing. Add it."
    if not name:  # what several settings say together
        return f"{path}: {problem['msg'].removeprefix('Value error, ')}. Correct it there or in the environment."
    if name.startswith("webhook") or name == "mail_password":  # a secret, or an address that may hold one
        return f"{path}: {name}: {problem['msg'].removeprefix('Value error, ')}."
    wrong = f"{path}: {name} = {problem['input']!r} cannot be used: {problem['msg']}"
    return f"{wrong}. Correct it there or in {PREFIX}{name.upper()}."
