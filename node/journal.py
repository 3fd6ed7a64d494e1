"""The node's running log: one JSON object a line on standard error, times in UTC, never any personal data.

What is logged are ids, states, codes, counts and addresses of peers; no content of a record, no name of a person, no
text that a peer sent, no key. The transparency log (`node.audit`) is another thing.
"""

import logging
import sys
from contextlib import AbstractContextManager

import structlog

LEVELS = ("debug", "info", "warning", "error")


def start_journal(level: str) -> None:
    """Write events of `level` (one of LEVELS) and above as JSON lines to standard error."""
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)


def lines_say(**values: object) -> AbstractContextManager[None]:
    """While this lasts, the lines of this task say these values too."""
    return structlog.contextvars.bound_contextvars(**values)


def journal(room: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one room; its name stands in every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return logger
