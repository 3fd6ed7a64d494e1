"""`init`, `serve`, `doctor`, `upgrade`, `version`: the node itself."""

import asyncio
import re
from argparse import Namespace

from node.cli.partners import require_address
from node.cli.printing import No, home_of, show
from node.config import load_settings
from node.exchange.making import Identity, make_node
from node.exchange.node import KEYS, open_node
from node.journal import journal, start_journal
from node.operations.checks import run_checks
from node.operations.upgrade import bring_up_to_date
from node.operations.version import program_version
from node.trust.keys import BroughtKeys
from node.trust.words import words_of

BROUGHT = ("signing_cert", "signing_key", "encryption_cert", "encryption_key")


def init(arguments: Namespace) -> int:
    """Make a node."""
    home = home_of(arguments)
    if arguments.country and not re.fullmatch("[A-Z]{3}", arguments.country):
        raise No(f"--country {arguments.country}: give the ISO 3166-1 alpha-3 code, for instance SRB.", 2)
    for option, text in (("--party", arguments.party), ("--name", arguments.name)):
        if not text.strip():
            raise No(f"{option} is empty: give our party id, and the administration's name.", 2)
    identity = Identity(
        party=arguments.party,
        party_type=arguments.party_type,
        name=arguments.name,
        country=arguments.country,
        url=require_address(arguments.url) if arguments.url else None,
    )
    keys = make_node(home, identity, _brought(arguments))
    words = list(words_of(keys.identity_raw))
    value = {"party": arguments.party, "home": str(home), "suite": keys.suite, "words": words, "url": identity.url}
    show(
        arguments,
        value,
        [
            f"The node of {arguments.name} ({arguments.party}) is made in {home}, suite {keys.suite}.",
            f"Its eight words, to be read to peers by telephone: {' '.join(words)}",
            f"Take {home / KEYS / 'identity.key.pem'} off this machine and keep it safe: it signs your cards.",
            "Next:",
            f"  depesha card --home {home}            your card, for your peers",
            f"  depesha peer add CARD --home {home}   a peer's card",
            f"  depesha serve --home {home}           run the node",
        ],
    )
    return 0


def serve(arguments: Namespace) -> int:
    """Run the node until it is stopped."""
    from node.serving import Listening, say
    from node.serving import serve as run

    home = home_of(arguments)
    settings = load_settings(home)
    listening = Listening(
        outside=arguments.outside or settings.outside,
        inside=arguments.inside or settings.inside,
        plain_http=arguments.plain_http,
        send=not arguments.no_send,
    )
    listening.check()
    start_journal(settings.log_level)
    upgraded = bring_up_to_date(home)
    if upgraded.before != upgraded.after:
        journal("serving").info("tables upgraded", before=upgraded.before, after=upgraded.after)
    node = open_node(home)

    def ready() -> None:
        scheme = "http" if listening.plain_http else "https"
        say(f"Depesha serves {node.party}: peers at {scheme}://{listening.outside}/as4, pages at {listening.inside}")

    asyncio.run(run(node, listening, ready))
    node.database.close()
    return 0


def doctor(arguments: Namespace) -> int:
    """Run the checks of the node."""
    from adapters.virus_scanner_check import check_scanner

    node = open_node(home_of(arguments))
    checks = run_checks(node) + check_scanner(node.settings)
    lines = []
    for check in checks:
        lines.append(f"{'ok' if check.ok else 'NOT OK':6}  {check.name:24}  {check.found}")
        if check.remedy:
            lines.append(f"{'':34}{check.remedy}")
    show(arguments, [check.as_value() for check in checks], lines)
    return 0 if all(check.ok for check in checks) else 1


def upgrade(arguments: Namespace) -> int:
    """Bring the tables to the version that this program needs."""
    upgraded = bring_up_to_date(home_of(arguments))
    if upgraded.before == upgraded.after:
        text = f"The tables are of version {upgraded.after} already: nothing to do."
    else:
        text = f"The tables are upgraded from version {upgraded.before} to {upgraded.after}."
    show(arguments, {"before": upgraded.before, "after": upgraded.after}, text)
    return 0


def version(arguments: Namespace) -> int:
    """Print the version."""
    number = program_version()
    show(arguments, {"version": number}, f"depesha {number}")
    return 0


def _brought(arguments: Namespace) -> BroughtKeys | None:
    given = [name for name in BROUGHT if getattr(arguments, name) is not None]
    if not given:
        return None
    if len(given) < len(BROUGHT):
        missing = ", ".join("--" + name.replace("_", "-") for name in BROUGHT if name not in given)
        raise No(f"Keys that are brought along come all four together; missing: {missing}.", 2)
    try:
        return BroughtKeys.read(*(getattr(arguments, name) for name in BROUGHT))
    except OSError as error:
        raise No(f"{error.filename} cannot be read: {error.strerror}. Check the name.", 2) from None
