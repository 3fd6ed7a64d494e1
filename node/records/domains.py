"""Domains: one folder `<domain>/<version>/` under a schemas directory is one domain version, loaded into a value.

The folder's place gives the domain's name, version and namespace (`urn:depesha:<domain>:<version>`). The files are
written for the namespace that `domain.toml` names as `written_for`; where the folder's place gives another one, it is
put in while loading. So a plain copy under another name is another domain, with the same content digest.
A folder that cannot be used is listed with file and reason and does not hinder the others.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lxml import etree

import node
from node.records.codes import ENUMERATIONS, CodeListError, enumerations, read_code_lists
from node.records.crossing_points import CrossingPointError, read_crossing_points
from node.records.labels import LabelError, read_labels
from node.records.persons import EvidenceError, read_evidence
from node.records.procedure_file import FILE as PROCEDURE_FILE
from node.records.procedure_file import read_procedure
from node.records.procedure_stated import judge_stated
from node.records.procedures import Act, Procedure, ProcedureError, SharedActs
from node.records.shape import Shape, make_shape
from node.records.toml_file import TomlError, read_toml
from node.records.validator import CompileError, Validator
from node.records.xsd import XsdError, XsdReader

_NAME = re.compile(r"^[a-z][a-z0-9-]{0,39}$")
_VERSION = re.compile(r"^[1-9][0-9]{0,3}$")
_TEXTS = (".xsd", ".sch", ".xml", ".toml", ".po")  # files in which the namespace is written
_KNOWN_SETTINGS = frozenset({"title", "written_for", "purpose", "notices", "second_look", "recall", "demonstration"})


class NoSuchDomain(Exception):
    """There is no domain of that name; the text says which there are."""


class BrokenFolderError(Exception):
    """A domain folder that cannot be used: `file` within it and `reason`."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Broken:
    """A folder that was found and not loaded."""

    folder: Path
    file: str
    reason: str

    @property
    def namespace(self) -> str:
        """What its domain's namespace would be."""
        return _namespace(self.folder)

    def __str__(self) -> str:
        return f"{self.folder}: {self.file}: {self.reason}"


@dataclass(frozen=True, slots=True, repr=False)
class Domain:
    """One version of one domain. `namespace` is the Service on the wire, the keys of `records` are the Actions."""

    name: str
    version: str
    namespace: str
    title: str
    digest: str
    """SHA-256, in hex, over every file's relative path and content: what the party card states."""
    records: Mapping[str, Shape]
    folder: Path
    purpose: str | None
    settings: Mapping[str, Any]
    files: Mapping[str, bytes]
    """The folder's files by relative path, with this domain's namespace put in."""
    validator: Validator
    procedure: Procedure | SharedActs | None = None
    """What procedure.toml says; None where the domain has none."""

    def __repr__(self) -> str:
        return f"Domain({self.namespace!r}, digest={self.digest[:12]!r})"


@dataclass(frozen=True, slots=True)
class Domains:
    """All that could be loaded, and what could not."""

    all: tuple[Domain, ...]
    broken: tuple[Broken, ...]
    _by_namespace: dict[str, Domain] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_namespace", {domain.namespace: domain for domain in self.all})

    def __iter__(self) -> Iterator[Domain]:
        return iter(self.all)

    def find(self, service: str) -> Domain | None:
        """The domain whose namespace is `service`."""
        return self._by_namespace.get(service)

    def broken_one(self, service: str) -> Broken | None:
        """Why there is no domain with this namespace, if its folder was found and could not be loaded: its records can
        be judged by nobody here. None where there is such a domain, or no such folder."""
        if self.find(service) is not None:
            return None
        return next((one for one in self.broken if one.namespace == service), None)

    def named(self, name: str, version: str | None = None) -> Domain | None:
        """The domain of that name, in its highest version unless one is given."""
        found = [domain for domain in self.all if domain.name == name and version in (None, domain.version)]
        return max(found, key=lambda domain: int(domain.version), default=None)

    def known(self, name: str) -> Domain:
        """The domain of that name, in its highest version. Raises NoSuchDomain."""
        domain = self.named(name)
        if domain is None:
            names = ", ".join(sorted({one.name for one in self.all}))
            raise NoSuchDomain(f"There is no domain {name!r}. There are: {names}.")
        return domain

    def with_purpose(self, purpose: str) -> Domain | None:
        """The highest version of the domain that its domain.toml declares to serve `purpose` of the node itself."""
        found = [domain for domain in self.all if domain.purpose == purpose]
        return max(found, key=lambda domain: int(domain.version), default=None)


def schemas_directory() -> Path:
    """Where the domains that come with the node lie: inside the installed package, or beside it in a checkout."""
    package = Path(node.__file__).parent
    installed = package / "_schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


def load_domains(directories: Iterable[Path] | None = None) -> Domains:
    """Read every `<domain>/<version>/` under `directories` (without them: schemas_directory()).

    Of two folders of the same name and version, the earlier directory's counts and the other is listed as broken.
    """
    loaded: dict[str, Domain] = {}
    broken: list[Broken] = []
    for directory in [schemas_directory()] if directories is None else directories:
        for folder in sorted(filter(_is_candidate, directory.glob("*/*"))):
            try:
                domain = load_domain(folder)
                if domain.namespace in loaded:
                    raise BrokenFolderError(
                        "domain.toml", f"{loaded[domain.namespace].folder} is {domain.namespace} already"
                    )
            except BrokenFolderError as error:
                broken.append(Broken(folder, error.file, error.reason))
            else:
                loaded[domain.namespace] = domain
    for domain in list(loaded.values()):
        reason = _unfit_shared_act(domain, loaded)
        if reason is not None:
            del loaded[domain.namespace]
            broken.append(Broken(domain.folder, PROCEDURE_FILE, reason))
    return Domains(tuple(loaded.values()), tuple(broken))


def _namespace(folder: Path) -> str:
    resolved = folder.resolve()
    return f"urn:depesha:{resolved.parent.name}:{resolved.name}"


def load_domain(folder: Path) -> Domain:
    """Read one folder `<domain>/<version>`. Raises BrokenFolderError."""
    name, version = folder.resolve().parent.name, folder.resolve().name
    if not _NAME.match(name) or not _VERSION.match(version):
        raise BrokenFolderError(
            ".", "the folder must be <domain>/<version>: small letters, digits, hyphens; then a number"
        )
    namespace = _namespace(folder)
    raw = _read_files(folder)
    settings = _settings(raw)
    files = {path: _put_namespace(path, content, settings["written_for"], namespace) for path, content in raw.items()}
    try:
        codes = read_code_lists(files)
        labels = read_labels(files)
        schemas = {path: _parse(path, content) for path, content in files.items() if _is_schema(path)}
        reader = XsdReader(namespace, schemas)
        if codes and files.get(f"records/{ENUMERATIONS}") != enumerations(namespace, codes).encode():
            raise BrokenFolderError(
                f"records/{ENUMERATIONS}",
                "it differs from codes/: run `python -m node.records.write_codes` on the folder",
            )
        records = {root: make_shape(namespace, reader.read(root), labels, codes) for root in reader.roots}
        if not records:
            raise BrokenFolderError("records/", "no schema in it declares a root element")
        _check_code_marks(records)
        _check_settings(settings, records, files)
        validator = Validator(namespace, files)
        procedure = read_procedure(files[PROCEDURE_FILE], records) if PROCEDURE_FILE in files else None
        read_evidence(files)
        read_crossing_points(files)
    except ProcedureError as error:
        raise BrokenFolderError(PROCEDURE_FILE, str(error)) from error
    except (CodeListError, LabelError, EvidenceError, CrossingPointError) as error:
        file, _, reason = str(error).partition(": ")
        raise BrokenFolderError(file, reason) from error
    except (XsdError, CompileError) as error:
        raise BrokenFolderError(error.file, str(error).partition(": ")[2]) from error
    return Domain(
        name=name,
        version=version,
        namespace=namespace,
        title=settings["title"],
        digest=digest_of(raw),
        records=records,
        folder=folder,
        purpose=settings.get("purpose"),
        settings=settings,
        files=files,
        validator=validator,
        procedure=procedure,
    )


def _unfit_shared_act(domain: Domain, loaded: Mapping[str, Domain]) -> str | None:
    """Why an act that the procedure takes from a shared set cannot be: the set lacks it, or its records say less than
    the procedure needs. A set that is not here hinders nothing."""
    if not isinstance(domain.procedure, Procedure):
        return None
    shared: dict[str, Act] = {}
    for act in domain.procedure.acts.values():
        found = loaded.get(act.shared or "")
        if found is not None and not (isinstance(found.procedure, SharedActs) and act.name in found.procedure.acts):
            return f"act.{act.name}: {act.shared} has no such act. Correct the name, or the Service in `shared`."
        if found is not None and isinstance(found.procedure, SharedActs):
            shared[act.name] = replace(act, sources=found.procedure.acts[act.name].sources)
    try:
        judge_stated(domain.procedure, shared)
    except ProcedureError as error:
        return str(error)
    return None


def _is_candidate(path: Path) -> bool:
    return path.is_dir() and not path.parent.name.startswith((".", "_"))


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over, for each path in order: the path in UTF-8, a zero byte, the SHA-256 of the content."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.encode() + b"\0" + hashlib.sha256(files[path]).digest())
    return total.hexdigest()


def _read_files(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            files[relative.as_posix()] = path.read_bytes()
    return files


def _settings(files: Mapping[str, bytes]) -> dict[str, Any]:
    about = files.get("domain.toml")
    if about is None:
        raise BrokenFolderError("domain.toml", "the file is missing; it gives title and written_for")
    try:
        settings = read_toml(about)
    except TomlError as error:
        raise BrokenFolderError("domain.toml", f"it is no TOML: {error}") from error
    for key in ("title", "written_for"):
        if not isinstance(settings.get(key), str) or not settings[key]:
            raise BrokenFolderError("domain.toml", f"{key} is missing")
    unknown = sorted(set(settings) - _KNOWN_SETTINGS)
    if unknown:
        raise BrokenFolderError("domain.toml", f"unknown setting {', '.join(unknown)}")
    return settings


def _put_namespace(path: str, content: bytes, written_for: str, namespace: str) -> bytes:
    if written_for == namespace or not path.endswith(_TEXTS):
        return content
    return re.sub(re.escape(written_for.encode()) + rb"(?![0-9A-Za-z:-])", namespace.encode(), content)


def _is_schema(path: str) -> bool:
    return path.startswith("records/") and path.endswith(".xsd")


def _parse(path: str, content: bytes) -> etree._Element:
    try:
        return etree.fromstring(content, etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False))
    except etree.XMLSyntaxError as error:
        raise BrokenFolderError(path, f"it is not well-formed: {error.msg}") from error


def _check_code_marks(records: Mapping[str, Shape]) -> None:
    for shape in records.values():
        for found in shape.root.walk():
            if found.marks.codes and found.marks.codes not in shape.codes:
                raise BrokenFolderError(
                    "records/", f"{found.path} takes codes of codes/{found.marks.codes}.csv, which is missing"
                )


def _check_settings(settings: Mapping[str, Any], records: Mapping[str, Shape], files: Mapping[str, bytes]) -> None:
    """What domain.toml names must be there: files in the folder, records that its schemas declare."""
    shown = settings.get("demonstration", {})
    named = [("second_look", settings["second_look"])] if "second_look" in settings else []
    named += [("demonstration.attachments", file) for file in shown.get("attachments", ())]
    for case in shown.get("cases", ()):
        examples = [act["record"] for act in case["acts"] if "record" in act]
        named += [("demonstration.cases", f"examples/good/{name}.xml") for name in examples]
    for key, file in named:
        if file not in files:
            raise BrokenFolderError("domain.toml", f"{key} names {file}, which is not in the folder")
    for key, found in settings.get("recall", {}).items():
        if found.get("record") not in records:
            raise BrokenFolderError("domain.toml", f"recall.{key} names no record: {found.get('record')}")
    # A domain may add cases to what another opens.
    exchanges = bool(shown) and ("cases" not in shown or "opening" in shown or "reply" in shown)
    for key in ("opening", "reply"):
        if exchanges and shown.get(key) not in records:
            raise BrokenFolderError("domain.toml", f"demonstration.{key} names no record: {shown.get(key)}")
