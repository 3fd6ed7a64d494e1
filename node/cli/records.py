"""`record check` and `record new`."""

from argparse import Namespace

from node.cli.printing import No, home_of, show
from node.config import settings_path
from node.exchange.node import domain_directories
from node.records.check import check_files
from node.records.domains import Domains, load_domains
from node.records.example import new_record
from node.records.problems import words_of

NOTHING_WRONG = "Nothing is wrong. `send` may still ask you to look at some points again before it goes."


def check(arguments: Namespace) -> int:
    """Check files; exit 1 when any of them has a problem."""
    problems = check_files(arguments.files, domains_of(arguments))
    show(arguments, problems, [words_of(one) for one in problems] or [NOTHING_WRONG])
    return 1 if problems else 0


def new(arguments: Namespace) -> int:
    """Print an empty record to fill."""
    domain = domains_of(arguments).known(arguments.domain)
    if arguments.record not in domain.records:
        raise No(f"{domain.name} has no record {arguments.record!r}. It has: {', '.join(sorted(domain.records))}.")
    content = new_record(domain, arguments.record).decode("utf-8")
    show(arguments, {"domain": domain.name, "record": arguments.record, "content": content}, content)
    return 0


def domains_of(arguments: Namespace) -> Domains:
    """The domains that a command can use."""
    # Records can be checked without a node; one that is there adds its own domains.
    home = home_of(arguments)
    return load_domains(domain_directories(home) if settings_path(home).exists() else None)
