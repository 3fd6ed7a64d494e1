"""`python -m node.records.write_codes FOLDER`: make records/codes.xsd of a domain version anew from its code lists."""

import sys
import tomllib
from pathlib import Path

from node.records.codes import ENUMERATIONS, enumerations, read_code_lists


def main(arguments: list[str]) -> int:
    """Write the file; 0 done, 2 wrong usage. Raises CodeListError for a list that cannot be read."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "domain.toml").is_file():
        sys.stderr.write("Usage: python -m node.records.write_codes schemas/<domain>/<version>\n")
        return 2
    folder = Path(arguments[0])
    about = tomllib.loads((folder / "domain.toml").read_text())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("codes/*")}
    text = enumerations(str(about["written_for"]), read_code_lists(files))
    (folder / "records" / ENUMERATIONS).write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
