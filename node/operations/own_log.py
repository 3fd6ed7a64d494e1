"""A running node's watch over its own log: is the database the one that it went on from?

What was sequenced last is kept beside the keys. A database that is behind it is held (`exchange.behind`): at the start
before anything is sent, and while the node runs as soon as it is noticed, within a second.
"""

from node.audit.kept_head import Head, head_of, keep_head, read_head
from node.audit.sequencer import sequence
from node.config import ConfigError
from node.exchange import behind
from node.exchange.node import KEYS, Node
from node.journal import journal

log = journal("operations.own_log")


class OwnLog:
    """The log of a serving process. Raises ConfigError for a damaged file beside the keys, and later when the database
    goes back under the running process: it has to be started anew, and is held then."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._folder = node.home / KEYS
        self._cannot_keep = False
        try:
            self._kept: Head | None = read_head(self._folder)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        self.held = True
        """whether nothing may be sent or sequenced; so until the first look"""
        self._went_on = False

    def look(self) -> None:
        """Compare the database with what was kept; hold it, or let go what a person has released. Raises
        StoreUnavailable: then nothing is known, and all stays as it was."""
        found, frozen = head_of(self._node.database)
        if frozen:
            self.held = not behind.is_settled(self._node)
            if not self.held:
                # Kept first: dying between the two, the next start finds it frozen, settled, and releases it.
                self._keep(found)
                behind.release(self._node, found)
                self._went_on = True
                log.warning("the log goes on, as a person decided", size=found.size)
        elif self._kept is not None and found.is_behind(self._kept):
            behind.hold(self._node, found, self._kept)
            log.error("the database is behind what was kept beside the keys", size=found.size, kept=self._kept.size)
            self.held = True
            if self._went_on:
                raise ConfigError(
                    f"The database went back while this node ran: its log has {found.size} entries, and had "
                    f"{self._kept.size}. Start the node again: it takes messages in, and sends once its alarm is "
                    "settled."
                )
        else:
            self.held, self._went_on = False, True
            if found != self._kept:
                self._keep(found)

    def sequence(self) -> None:
        """Give all pending entries their positions, unless the log is held. Raises StoreUnavailable."""
        self.look()
        while not self.held and sequence(self._node.database):
            self.look()

    def _keep(self, head: Head) -> None:
        self._kept = head
        try:
            keep_head(self._folder, head)
        except OSError as error:
            if not self._cannot_keep:  # once is enough: it is tried again with each batch
                log.error("the head of the log cannot be kept", folder=str(self._folder), reason=str(error))
            self._cannot_keep = True
            return
        self._cannot_keep = False
