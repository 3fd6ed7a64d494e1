"""Why this node takes nothing now, told to no peer but by HTTP 503: an ebMS error would make it give up."""

RETRY_AFTER_SECONDS = 30


class OwnTrouble(Exception):
    """This node cannot take this now; `seconds` until the peer should try again."""

    def __init__(self, reason: str, seconds: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(reason)
        self.seconds = seconds
