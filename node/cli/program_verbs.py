"""The verbs for programs: those of national systems, calendar programs, folders and tables."""

from pathlib import Path

from node.cli.verbs import Verbs, count, group, verb

TOKENS = "node.cli.tokens"
FEEDS = "node.cli.feeds"
ADAPTERS = "node.cli.adapters"
TABLES = "node.cli.tables"


def add_program_verbs(verbs: Verbs) -> None:
    """Add `token`, `feed`, `folder` and `table`."""
    _tokens(verbs)
    _feeds(verbs)
    _adapters(verbs)


def _tokens(verbs: Verbs) -> None:
    token = group(verbs, "token", "programs that use the programming interface")
    add = verb(token, "add", f"{TOKENS}:add", "add a program; its token is shown once")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", metavar="R", required=True, help="what it may do: officer, it, auditor or head")
    add.add_argument("--unit", metavar="U", help="the unit whose cases it sees, and those of no unit; without it all")
    add.add_argument(
        "--scope", metavar="S", nargs="+", action="extend", default=[],
        help="hold it to these of what its role may; without it all of that",
    )  # fmt: skip
    add.add_argument("--days", metavar="N", type=count, default=365, help="it is let in for so many days (365)")
    add.add_argument("--key", metavar="F", type=Path, help="its public key, PEM: it signs assertions and has no token")
    listing = verb(token, "list", f"{TOKENS}:list_tokens", "list programs")
    listing.add_argument("--all", action="store_true", help="removed ones, too")
    remove = verb(token, "remove", f"{TOKENS}:remove", "remove a program; nothing more is taken from it at once")
    remove.add_argument("name", metavar="NAME")


def _feeds(verbs: Verbs) -> None:
    feed = group(verbs, "feed", "addresses at which calendar programs read what is due")
    add = verb(feed, "add", f"{FEEDS}:add", "make an address of an officer or of a unit; it is shown once")
    whose = add.add_mutually_exclusive_group(required=True)
    whose.add_argument("--officer", metavar="NAME", help="what this officer has to do")
    whose.add_argument("--unit", metavar="U", help="what this unit has to do, and what is of no unit")
    add.add_argument("--days", metavar="N", type=count, default=365, help="it is read for so many days (365)")
    listing = verb(feed, "list", f"{FEEDS}:list_feeds", "list the addresses, without their secrets")
    listing.add_argument("--all", action="store_true", help="removed ones, too")
    remove = verb(feed, "remove", f"{FEEDS}:remove", "remove an address; nothing more is read there at once")
    remove.add_argument("id", metavar="ID", help="the address, as the list calls it")


def _adapters(verbs: Verbs) -> None:
    folder = verb(verbs, "folder", f"{ADAPTERS}:folder", "send what is put into a folder, write there what comes")
    folder.add_argument("dir", metavar="DIR", help="the folder; made if it is not there")
    folder.add_argument("--once", action="store_true", help="look once and end")
    table = group(verbs, "table", "records as rows of CSV and XLSX files")
    for name, run, help in (
        ("new", "new", "write an empty table for records of a kind"),
        ("check", "check_rows", "check the record that each row makes"),
        ("send", "send", "send a record for each row: all, or none"),
        ("export", "export", "write the records of messages into a table"),
    ):
        one = verb(table, name, f"{TABLES}:{run}", help)
        if name in ("check", "send"):
            one.add_argument("file", metavar="TABLE", type=Path)
        one.add_argument("domain", metavar="DOMAIN")
        one.add_argument("record", metavar="RECORD")
        if name in ("new", "export"):
            one.add_argument("--out", metavar="FILE", required=True, type=Path, help="ends with .csv or .xlsx")
        if name in ("check", "send"):
            one.add_argument("--files", metavar="DIR", type=Path, help="where the attachments are that rows name")
        if name == "send":
            one.add_argument("--to", metavar="PARTY", required=True, help="the peer that gets them")
            one.add_argument("--unit", metavar="U", help="the unit of ours that sends them")
        if name == "export":
            one.add_argument("--case", metavar="C", help="of this case")
            one.add_argument("--peer", metavar="P", help="exchanged with this peer")
