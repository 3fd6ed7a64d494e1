"""The node's running log: one JSON object a line on standard error, times in UTC, never any personal data.

What is logged are ids, states, codes, counts and addresses of peers; no content of a record, no name of a person, no
text that a peer sent, no key. The transparency log (`node.audit`) is another thing.
"""

import logging
import sys
import traceback
from contextlib import AbstractContextManager

import structlog

_FRAMES = 8
LEVELS = ("debug", "info", "warning", "error")


def start_journal(level: str) -> None:
    """Write events of `level` (one of LEVELS) and above as JSON lines to standard error."""
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _where,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)


def _where(logger: object, name: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """In place of an error its kind and where it arose: its words may hold what a record says."""
    error = line.pop("exc_info", None)
    if isinstance(error, BaseException):
        chain = []
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or error.__context__
        line["where"] = [
            f"{type(one).__name__} at {frame.filename}:{frame.lineno} in {frame.name}"
            for one in chain
            for frame in traceback.extract_tb(one.__traceback__)[-_FRAMES:]
        ]
    return line


def lines_say(**values: object) -> AbstractContextManager[None]:
    """While this lasts, the lines of this task say these values too."""
    return structlog.contextvars.bound_contextvars(**values)


def journal(room: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one room; its name stands in every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return logger
