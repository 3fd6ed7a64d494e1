"""Keys brought along: pairs of a federation's authority become a node's own, in both suites."""

import shutil
from pathlib import Path

import pytest

from tests.interop.nodes import until
from tests.trust_doors.authorities import Authority
from tests.trust_doors.homes import Home, command


@pytest.mark.parametrize("suite", ["eddsa-x25519", "ecdsa-p256"])
def test_two_nodes_with_certificates_of_one_authority_exchange(tmp_path: Path, suite: str) -> None:
    authority = Authority(tmp_path / "authority")
    rs = authority.party("rs", "--suite", suite)
    al = authority.party("al", "--suite", suite, "--host", "127.0.0.1")
    north = Home(tmp_path / "north", "rs", init=rs.as_brought())
    south = Home(tmp_path / "south", "al", tls=True, init=al.as_brought())
    assert north.node().keys.signing_certificate == rs.certificate("signing")
    assert (north.node().keys.suite, south.node().keys.suite) == (suite, suite)
    for name in ("cert", "key"):
        shutil.copy(al.file(f"tls.{name}"), south.folder / "keys" / f"tls.{name}.pem")
    given = ("--ca", authority.certificate)
    north.do("peer", "add", "--party", "al", "--url", south.url, *al.as_given(), *given)
    south.do("peer", "add", "--party", "rs", "--url", north.url, *rs.as_given(), *given)
    with south.serving():
        assert north.do("peer", "ping", "al")["receipt"] is True

        # The right authority, for another host: TLS refuses before anything is sent.
        elsewhere = south.url.replace("127.0.0.1", "localhost")
        north.do("peer", "add", "--party", "al", "--url", elsewhere, *al.as_given(), *given)
        assert "localhost" in north.run("peer", "ping", "al").out

        # Without the authority nobody vouches for the TLS certificate.
        north.do("peer", "add", "--party", "al", "--url", south.url, *al.as_given())
        assert "certificate" in north.run("peer", "ping", "al").out
        north.do("peer", "add", "--party", "al", "--url", south.url, *al.as_given(), *given)
        assert north.do("peer", "ping", "al")["receipt"] is True

        # Revoked: the way in is closed, whatever the certificate's dates say.
        (north.folder / "crls").mkdir()
        shutil.copy(authority.revoke(al.file("tls.cert")), north.folder / "crls" / "authority.pem")
        until(lambda: "revoked" in north.run("peer", "ping", "al").out, 5, "the TLS certificate is refused")


def test_keys_that_do_not_belong_together_make_no_node(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    eddsa, p256 = authority.party("rs"), authority.party("al", "--suite", "ecdsa-p256")
    pairs = dict(zip(eddsa.as_brought()[::2], eddsa.as_brought()[1::2], strict=True))
    others = dict(zip(p256.as_brought()[::2], p256.as_brought()[1::2], strict=True))
    wrong = {
        "another key's certificate": pairs | {"--signing-cert": others["--signing-cert"]},
        "keys of two suites": pairs
        | {name: others[name] for name in ("--encryption-cert", "--encryption-key")},
        "certificates for each other's purpose": {
            "--signing-cert": others["--encryption-cert"], "--signing-key": others["--encryption-key"],
            "--encryption-cert": others["--signing-cert"], "--encryption-key": others["--signing-key"],
        },
    }  # fmt: skip
    for n, (what, files) in enumerate(wrong.items()):
        fresh = tmp_path / f"fresh-{n}"
        options = [word for pair in files.items() for word in pair]
        said = command("init", "--party", "x", "--name", "X", *options, "--home", str(fresh))
        assert said.status == 1, what
        assert "expected" in said.err
        assert not (fresh / "depesha.toml").exists()
    home = ("--home", str(tmp_path / "fresh"))
    said = command("init", "--party", "x", "--name", "X", "--signing-cert", pairs["--signing-cert"], *home)
    assert said.status == 2
    assert "--encryption-key" in said.err
