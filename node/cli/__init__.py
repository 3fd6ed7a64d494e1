"""The command line: `depesha VERB …`, also `python -m node VERB …`.

`--home DIR` (or DEPESHA_HOME) names a node's folder; with `--json` one JSON value goes to standard output and nothing
else. Exit status 0: done, or true; 1: the answer is no (refused, not delivered, not verified); 2: wrong usage. What
went wrong goes to standard error and says what to do next.
"""

import importlib
import os
import sys
from collections.abc import Sequence

from node.cli.arguments import explained
from node.cli.parser import build_parser, prepare
from node.cli.printing import No, fail
from node.config import ConfigError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = explained(build_parser())
    words = prepare(sys.argv[1:] if argv is None else argv)
    if no_text := next((word for word in words if not _is_text(word)), None):
        return fail(f"{os.fsencode(no_text)!r} is not UTF-8. Set the terminal to UTF-8, and write it again.", 2)
    arguments = parser.parse_args(words)
    module, _, function = arguments.run.partition(":")
    try:
        status: int = getattr(importlib.import_module(module), function)(arguments)
        sys.stdout.flush()
    except ConfigError as error:
        return fail(str(error), 2)
    except No as error:
        return fail(str(error), error.status)
    except KeyboardInterrupt:
        return fail("Interrupted.", 130)
    except BrokenPipeError:
        # The reader of our output has left; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
        return fail(f"{name}: {error.strerror}. Check the path and its rights.", 1)
    except Exception as error:
        if refusal := known_refusal(error):
            return fail(refusal, 1)
        raise
    return status


def _is_text(word: str) -> bool:
    """Octets of an argument that are not of the terminal's encoding come as lone surrogates (PEP 383)."""
    return not any("\ud800" <= letter <= "\udfff" for letter in word)


def known_refusal(error: Exception) -> str | None:
    """The words of an error that tells a person what is wrong and what to do; None for a fault of ours."""
    # By name: a command that needs no store or keys should not wait for their rooms to load.
    names = {cls.__name__ for cls in type(error).__mro__}
    told = {
        "TrustRefused", "PeerRefused", "SubmissionRefused", "NotFound", "NodeExists", "StoreUnavailable", "ContentGone",
        "PayloadErased", "SealBroken", "AccountError", "LinkError", "NoExampleError", "SchemasError",
        "NothingSigned", "FolderTaken", "TermsRefused", "PaperRefused", "NoSuchDomain", "TableRefused",
        "AssignmentRefused",
    }  # fmt: skip
    return str(error) if names & told else None
