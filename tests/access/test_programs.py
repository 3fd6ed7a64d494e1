"""Programs: tokens kept as digests, ends, scopes; assertions signed by the registered key alone, good for one use."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from sqlalchemy import select, text

from node.access import AccountError
from node.access.assertions import AssertionRefused, NotProved, check_assertion, issuer_of, use_assertion
from node.access.programs import (
    Program,
    Scope,
    add_program,
    find_program,
    list_programs,
    program_of_token,
    remove_program,
)
from node.store.columns import table_of
from node.store.database import Database
from node.store.tables import AssertionUse
from tests.access.test_people_doors import KEY, LOG_ENTRY, open_entry
from tests.trust_doors.homes import Home

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PARTY, ADDRESS = "SRB-MOI", "https://depesha.example/api/v1"


def public(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def made(database: Database, name: str = "register", **more: Any) -> tuple[Program, str | None]:
    with database.write() as connection:
        return add_program(connection, name, "officer", NOW, **more)


def test_a_token_lets_its_program_in_until_its_day_and_until_it_is_removed(database: Database) -> None:
    program, token = made(database, days=2)
    assert token is not None
    with database.read() as connection:
        assert program_of_token(connection, token, NOW) == program
        assert program_of_token(connection, token + "x", NOW) is None
        assert program_of_token(connection, "\udcff", NOW) is None
        assert program_of_token(connection, token, NOW + timedelta(days=2)) is None
        assert token not in str(connection.execute(text("SELECT * FROM program")).one())
    with database.write() as connection:
        remove_program(connection, "register", NOW)
        with pytest.raises(AccountError, match="no program"):
            remove_program(connection, "register", NOW)
    with database.read() as connection:
        assert program_of_token(connection, token, NOW) is None
        assert (list_programs(connection), len(list_programs(connection, removed=True))) == ((), 1)
    with pytest.raises(AccountError, match="is, or was"):
        made(database)


def test_what_cannot_be_a_program_is_refused_and_changes_nothing(database: Database) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"scopes": ["cases:write"]}, "Scopes are: messages:read"),
        ({"days": 0}, "give 1 to"),
        ({"public_key": b"nonsense"}, "no public key"),
        ({"public_key": public(ec.generate_private_key(ec.SECP384R1()))}, "of another kind"),
        ({"name": " "}, "cannot be a name"),
    ]
    private = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for more, said in [*wrong, ({"public_key": private}, "program alone")]:
        with pytest.raises(AccountError, match=said):
            made(database, **more)
    with database.read() as connection:
        assert list_programs(connection) == ()


def test_scopes_hold_a_program_and_none_holds_it_to_nothing(database: Database) -> None:
    held, _ = made(database, scopes=["cases:read", "cases:read"])
    free, _ = made(database, "other")
    assert (held.has_scope(Scope.CASES_READ), held.has_scope(Scope.MESSAGES_SEND), held.has_scope(None)) == (
        True, False, True,
    )  # fmt: skip
    assert all(free.has_scope(scope) for scope in Scope)


class TestAssertions:
    @pytest.fixture(params=["EdDSA", "ES256"])
    def key(self, request: pytest.FixtureRequest) -> tuple[str, Any]:
        if request.param == "EdDSA":
            return "EdDSA", ed25519.Ed25519PrivateKey.generate()
        return "ES256", ec.generate_private_key(ec.SECP256R1())

    @staticmethod
    def claims(**changed: Any) -> dict[str, Any]:
        moment = int(NOW.timestamp())
        claims = {"iss": "register", "aud": [PARTY, ADDRESS], "iat": moment, "exp": moment + 300, "jti": "1"} | changed
        return {name: value for name, value in claims.items() if value is not None}

    def test_one_is_good_once(self, database: Database, key: tuple[str, Any]) -> None:
        program, token = made(database, public_key=public(key[1]))
        assert token is None
        text = jwt.encode(self.claims(), key[1], key[0])
        with database.read() as connection:
            assert find_program(connection, issuer_of(text), NOW) == program
        claims = check_assertion(program, text, PARTY, [ADDRESS], NOW)
        with database.write() as connection:
            use_assertion(connection, program, claims, NOW)
        with pytest.raises(AssertionRefused, match="used before"), database.write() as connection:
            use_assertion(connection, program, claims, NOW + timedelta(minutes=5, seconds=29))
        with database.write() as connection:
            use_assertion(connection, program, check_assertion(program, text, PARTY, [ADDRESS], NOW), claims.forget_at)
        with database.read() as connection:
            assert len(connection.execute(select(table_of(AssertionUse))).all()) == 1, "old ones are forgotten"

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"exp": int(NOW.timestamp()) - 30}, "exp: it is over"),
            ({"exp": int(NOW.timestamp()) + 331}, "at most 5 minutes"),
            ({"exp": None}, "exp"),
            ({"exp": True}, "exp"),
            ({"exp": 1e300}, "exp"),
            ({"nbf": int(NOW.timestamp()) + 31}, "nbf"),
            ({"aud": PARTY}, "aud"),
            ({"aud": [PARTY, "https://elsewhere.example/api/v1"]}, "aud"),
            ({"aud": ["FRA-MOI", ADDRESS]}, "aud"),
            ({"aud": [PARTY, ADDRESS, "https://elsewhere.example"]}, "aud"),
            ({"aud": None}, "aud"),
            ({"sub": "another"}, "sub"),
            ({"jti": None}, "jti"),
            ({"jti": "x" * 129}, "jti"),
            ({"jti": "\x00"}, "jti"),
        ],
    )
    def test_claims_that_are_wrong(self, database: Database, changed: dict[str, Any], said: str) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        program, _ = made(database, public_key=public(key))
        with pytest.raises(AssertionRefused, match=said):
            check_assertion(program, jwt.encode(self.claims(**changed), key, "EdDSA"), PARTY, [ADDRESS], NOW)

    def test_the_header_decides_nothing(self, database: Database) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        program, _ = made(database, public_key=public(key))
        stranger = ed25519.Ed25519PrivateKey.generate()
        good = jwt.encode(self.claims(), key, "EdDSA")
        head, body, signature = good.split(".")

        def with_algorithm(name: str) -> str:
            return base64.urlsafe_b64encode(json.dumps({"alg": name, "typ": "JWT"}).encode()).decode().rstrip("=")

        forged = [
            jwt.encode(self.claims(), stranger, "EdDSA"),
            jwt.encode(self.claims(), "secret" * 10, "HS256"),
            jwt.encode(self.claims(), ec.generate_private_key(ec.SECP256R1()), "ES256"),
            f"{with_algorithm('none')}.{body}.",
            f"{with_algorithm('HS256')}.{body}.{signature}",
            f"{head}.{body}.{signature[:-4]}AAAA",
        ]
        for one in forged:
            with pytest.raises(NotProved) as refused:
                check_assertion(program, one, PARTY, [ADDRESS], NOW)
            assert "not signed by EdDSA" in refused.value.why
        with_token, _ = made(database, "other")
        with pytest.raises(NotProved) as keyless:
            check_assertion(with_token, good, PARTY, [ADDRESS], NOW)
        assert "no key" in keyless.value.why
        assert str(keyless.value) == str(refused.value), "a stranger does not learn which programs there are"

    @pytest.mark.parametrize("text", ["", "a.b.c", "x" * 9000, "é.é.é", "W10.W10.W10", "e30.W10.e30"])
    def test_what_is_no_assertion(self, text: str) -> None:
        with pytest.raises(AssertionRefused):
            issuer_of(text)


def test_the_commands_show_a_token_once_and_log_what_they_do(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "north")
    added = home.do("token", "add", "register", "--role", "officer", "--unit", "Lyon", "--scope", "cases:read")
    assert re.fullmatch(r"depesha_[\w-]{43}", added["token"])
    assert added["audience"] == ["north", added["address"]]
    pem = tmp_path / "key.pem"
    pem.write_bytes(public(ed25519.Ed25519PrivateKey.generate()))
    signing = home.do("token", "add", "archive", "--role", "auditor", "--key", str(pem))
    assert (signing["token"], signing["kind"], signing["scopes"]) == (None, "key", None)
    assert "'boss'" in home.refuses("token", "add", "other", "--role", "boss")
    home.do("token", "remove", "register")
    assert [one["name"] for one in home.do("token", "list")] == ["archive"]
    listed = home.do("token", "list", "--all")
    assert [one["name"] for one in listed] == ["archive", "register"]
    assert added["token"] not in json.dumps(listed)
    node = home.node()
    query = select(LOG_ENTRY, KEY.c.wrapped).join(KEY, KEY.c.id == LOG_ENTRY.c.id).order_by(LOG_ENTRY.c.id)
    with node.database.read() as connection:
        rows = [row for row in connection.execute(query) if row.type.startswith("program.")]
    bodies = [json.loads(open_entry(row.leaf, row.sealed, row.wrapped, node.kek)[1]) for row in rows]
    assert [body["type"] for body in bodies] == ["program.added", "program.added", "program.removed"]
    assert bodies[0]["facts"] == {
        "program": added["handle"], "role": "officer", "unit": "Lyon", "kind": "token", "scopes": ["cases:read"],
    }  # fmt: skip
    assert not re.search("register|archive|depesha_", json.dumps(bodies))
    shown = home.run("token", "add", "again", "--role", "officer").out
    assert shown.splitlines()[-1] == f"The interface is at {added['address']}."
