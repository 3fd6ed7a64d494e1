"""Which certificate the proxy may show: the node's own, which its card names, or one of a public authority, once the
card leaves that to authorities. The authority here is made for the test; peers find it where the system keeps them."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.proxy.behind import Behind, Proxy
from tests.proxy.proxies import haproxy, nginx
from tests.trust_doors.authorities import Authority

pytestmark = pytest.mark.proxy


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_a_public_authoritys_certificate_needs_a_card_that_leaves_it_to_authorities(
    behind: Behind, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the page, and what happens to those who do it in another."""
    north, south = behind.north, behind.south
    authority = Authority(tmp_path / "authority")
    public = authority.party("south", "--host", "127.0.0.1").folder
    elsewhere = authority.party("elsewhere", "--host", "other.example").folder
    monkeypatch.setenv("SSL_CERT_FILE", authority.certificate)

    def behind_a_proxy_with(keys: Path) -> AbstractContextManager[int]:
        folder = tmp_path / f"proxy-{len(list(tmp_path.glob('proxy-*')))}"
        return proxy(folder, behind.port, south.outside, keys)

    with south.serving(), north.serving():
        sent = behind.queue()
        with behind_a_proxy_with(public):
            behind.failed(sent, "unable to get local issuer certificate")
        south.set(card_names_tls=False)
        north.do("peer", "add", str(south.card(tmp_path)))
        assert north.state("south") == "confirmed"
        with behind_a_proxy_with(public):
            behind.delivered(sent)

        # Now peers look at it as a browser would: the name must be right, and somebody known must stand for it.
        second = behind.queue()
        with behind_a_proxy_with(elsewhere):
            behind.failed(second, "certificate is not valid for '127.0.0.1'")
        with behind_a_proxy_with(behind.keys):
            behind.failed(second, "self-signed certificate")
        assert behind.received() == [sent]
        with behind_a_proxy_with(public):
            behind.delivered(second)
