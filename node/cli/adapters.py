"""`folder`: the adapters that run as services of their own."""

import signal
import threading
from argparse import Namespace
from pathlib import Path

from adapters.folder import Folder, FolderInUse, Looked, held
from node.cli.printing import No, home_of, show
from node.exchange.node import Node, open_node
from node.journal import journal, start_journal
from node.store.trouble import StoreUnavailable

log = journal("folder")

LOOK_SECONDS = 1.0
TROUBLE_SECONDS = 5.0


def folder(arguments: Namespace) -> int:
    """Send what is put into a folder and write there what comes, once or until it is stopped."""
    node = open_node(home_of(arguments))
    path = Path(arguments.dir).expanduser()
    try:
        with held(node, path) as adapter:
            if arguments.once:
                looked = adapter.look()
                _say(arguments, looked)
                return 1 if looked.refused else 0
            _run(node, adapter, path)
    except FolderInUse as error:
        raise No(str(error)) from error
    return 0


def _say(arguments: Namespace, looked: Looked) -> None:
    value = {
        "queued": looked.queued,
        "refused": looked.refused,
        "ended": looked.ended,
        "received": looked.received,
    }
    show(
        arguments,
        value,
        f"Queued {looked.queued}, not sent {looked.refused}, at their end {looked.ended}, received {looked.received}.",
    )


def _run(node: Node, adapter: Folder, path: Path) -> None:
    start_journal(node.settings.log_level)
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    print(f"Depesha works with {path} for {node.party}. Ctrl-C ends it.", flush=True)
    pause = LOOK_SECONDS
    while not stop.wait(pause):
        pause = _looked(adapter)


def _looked(adapter: Folder) -> float:
    """One look; how long to wait until the next. Trouble of disk or store is waited out."""
    try:
        looked = adapter.look()
    except StoreUnavailable as trouble:
        log.error("the store cannot be used", reason=str(trouble))
        return TROUBLE_SECONDS
    except OSError as error:
        log.error("the folder cannot be used", reason=error.strerror)
        return TROUBLE_SECONDS
    if looked.anything:
        log.info("looked", queued=looked.queued, refused=looked.refused, ended=looked.ended, received=looked.received)
    return LOOK_SECONDS
