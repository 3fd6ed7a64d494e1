"""`mail bounced`: a reminder that came back, told by the mail server."""

import sys
from argparse import Namespace

from node.cli.printing import No, home_of, show
from node.exchange.bounces import LARGEST_REPORT, NoReport, came_back, read_report
from node.exchange.node import open_node


def bounced(arguments: Namespace) -> int:
    """Take in one delivery status notification, from a file or from standard input."""
    node = open_node(home_of(arguments))
    try:
        if arguments.file is None:
            octets = sys.stdin.buffer.read(LARGEST_REPORT + 1)
        else:
            with arguments.file.open("rb") as file:
                octets = file.read(LARGEST_REPORT + 1)
    except OSError as error:
        raise No(f"{arguments.file}: {error.strerror}. Name a file that can be read.") from error
    try:
        value = came_back(node, read_report(octets, node.settings.mail_from))
    except NoReport as reason:
        raise No(f"{reason} Nothing was changed.") from reason
    done = "an alarm tells of it" if value["recorded"] else "nothing is to be done"
    show(arguments, value, f"Case {value['case']}, {value['act']}: {value['answer']}; {done}.")
    return 0
