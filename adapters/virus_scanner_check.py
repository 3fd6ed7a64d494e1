"""Whether the virus scanner does what it is there for: the EICAR test file is infected, and a harmless text clean."""

from adapters.virus_scanner import ScannerFailed, scan
from node.config import Settings
from node.operations.checks import Check

NAME = "virus-scanner"
SECONDS = 60.0
"""A command that loads its signatures anew each time takes half a minute."""
# The test file of www.eicar.org, which every scanner calls infected; in two pieces, so that none takes this one away.
_EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + rb"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_HARMLESS = b"A text in which there is nothing bad.\n"


def check_scanner(settings: Settings, seconds: float = SECONDS) -> list[Check]:
    """Ask the scanner that the settings name about both; nothing where they name none."""
    if settings.virus_scanner is None:
        return []
    try:
        bad = scan(settings.virus_scanner, [_EICAR], seconds)
        good = scan(settings.virus_scanner, [_HARMLESS], seconds)
    except ScannerFailed as error:
        return [
            _bad(
                f"it gives no verdict: {error}",
                "Start it, or correct the setting virus_scanner; what was received is scanned once it answers.",
            )
        ]
    if not bad.infected:
        return [
            _bad(
                "it called the EICAR test file clean",
                "Load its signatures (freshclam for ClamAV), and let its ICAP service scan responses (RESPMOD). "
                "What it called clean until then was not judged.",
            )
        ]
    if good.infected:
        return [
            _bad(
                f"it called a harmless text infected ({good.found or 'without a name'})",
                "Correct the setting virus_scanner: a command ends with 0 for clean and with 1 for infected.",
            )
        ]
    return [Check(NAME, True, f"it called the EICAR test file infected ({bad.found or 'without a name'})", "", False)]


def _bad(found: str, remedy: str) -> Check:
    return Check(NAME, False, found, remedy, needed=False)
