"""The error for keys of our own that cannot be used."""

from node.trust.refused import TrustRefused


class KeysRefused(TrustRefused):
    """Keys are missing, unreadable, of the wrong kind, or do not belong together."""
