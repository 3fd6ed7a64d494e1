"""From XSD to shapes. Reads the part of XML Schema 1.0 that forms can be made of and refuses the rest by file and line.

Understood: global and local elements, named and inline types, sequence, choice (once, without a choice inside),
group and attributeGroup references, complexContent and simpleContent extension, simple types by restriction, list and
union. Not understood, and so refused: any, all, substitution groups, redefinition, import, nillable, recursion.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lxml import etree

from node.records.marks import NONE, XS, MarkError, Marks, read_marks
from node.records.reading import line_of
from node.records.shape import GROUP, Choice, Field

_X = f"{{{XS}}}"
_GLOBAL = ("element", "complexType", "simpleType", "group", "attributeGroup")


class XsdError(Exception):
    """The schema holds what we do not read; `file` and `line` say where."""

    def __init__(self, file: str, line: int, text: str) -> None:
        super().__init__(f"{file}: line {line}: {text}")
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True)
class _Simple:
    name: str
    marks: Marks
    enumeration: tuple[str, ...]


class XsdReader:
    """Reads the roots' fields out of the files of one namespace (relative path → root of the parsed file)."""

    def __init__(self, namespace: str, files: Mapping[str, etree._Element]) -> None:
        self._namespace = namespace
        self._file_of: dict[etree._Element, str] = {}
        self._known: dict[tuple[str, str], etree._Element] = {}
        self._open: list[etree._Element] = []
        # A type that many fields have is read once.
        self._types: dict[str, _Simple] = {}
        self._marks_of: dict[etree._Element, Marks] = {}
        self.roots: dict[str, etree._Element] = {}
        for file, schema in files.items():
            self._file_of[schema] = file
            if schema.tag != _X + "schema" or schema.get("targetNamespace") != namespace:
                found = schema.get("targetNamespace")
                raise XsdError(file, line_of(schema), f"targetNamespace is '{found}' and must be '{namespace}'")
            for child in schema.iterchildren("{*}*"):
                kind = etree.QName(child).localname
                if kind in ("include", "annotation"):
                    if kind == "include" and "records/" + (child.get("schemaLocation") or "") not in files:
                        raise self._error(child, "include names a file that is not beside this one")
                    continue
                if kind not in _GLOBAL:
                    raise self._error(child, f"xs:{kind} is not understood here")
                key = (kind, child.get("name", ""))
                if key in self._known:
                    raise self._error(child, f"{kind} {key[1]} is declared twice")
                self._known[key] = child
                if kind == "element":
                    self.roots[key[1]] = child

    def read(self, name: str) -> Field:
        """The tree of fields under the global element `name`. Raises XsdError."""
        return self._element(self.roots[name], "")

    def _element(self, declaration: etree._Element, parent: str) -> Field:
        if declaration.get("ref") or declaration.get("nillable") or declaration.get("substitutionGroup"):
            raise self._error(declaration, "ref, nillable and substitutionGroup are not understood on xs:element")
        if declaration in self._open:
            raise self._error(declaration, "the element contains itself")
        name = declaration.get("name") or ""
        path = f"{parent}/{name}" if parent else name
        minimum, maximum = self._occurs(declaration)
        marks = self._marks(declaration)
        inline = self._child(declaration, "complexType", "simpleType")
        self._open.append(declaration)
        try:
            if inline is None and not declaration.get("type"):
                raise self._error(declaration, f"element {name} has no type")
            complex_type = inline
            if inline is None:
                complex_type = self._named(declaration, "type", "complexType")
            if complex_type is None or complex_type.tag == _X + "simpleType":
                simple = self._simple_of(declaration) if inline is None else self._simple(inline)
                return Field(
                    name,
                    path,
                    False,
                    simple.name,
                    minimum,
                    maximum,
                    marks.joined(simple.marks),
                    None,
                    simple.enumeration,
                )
            return self._complex(complex_type, Field(name, path, False, GROUP, minimum, maximum, marks))
        finally:
            self._open.pop()

    def _complex(self, declaration: etree._Element, found: Field) -> Field:
        """`found` with what the complex type adds."""
        found = replace(found, marks=self._marks(declaration).joined(found.marks))
        content = self._child(declaration, "complexContent", "simpleContent")
        if content is None:
            return self._particles(declaration, found)
        extension = self._child(content, "extension")
        if extension is None:
            raise self._error(content, "only xs:extension is understood here")
        base = self._named(extension, "base", "complexType")
        if base is not None:
            found = self._complex(base, found)
        else:
            simple = self._type(extension, "base")
            found = replace(
                found, type=simple.name, enumeration=simple.enumeration, marks=found.marks.joined(simple.marks)
            )
        return self._particles(extension, found)

    def _particles(self, holder: etree._Element, found: Field) -> Field:
        attributes = list(found.attributes)
        children = list(found.children)
        for child in holder.iterchildren("{*}*"):
            kind = etree.QName(child).localname
            match kind:
                case "annotation":
                    continue
                case "attribute":
                    attributes.append(self._attribute(child, found.path))
                case "attributeGroup":
                    group = self._named(child, "ref", "attributeGroup")
                    if group is None:
                        raise self._error(child, f"attributeGroup {child.get('ref')} is not declared")
                    attributes += self._particles(group, replace(found, attributes=(), children=())).attributes
                case "sequence" | "choice" | "group":
                    children += self._content(child, found.path, len(children))
                case _:
                    raise self._error(child, f"xs:{kind} is not understood here")
        names = [one.name for one in children]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise self._error(holder, f"{', '.join(sorted(twice))} is declared twice in {found.path}")
        return replace(found, attributes=tuple(attributes), children=tuple(children))

    def _content(self, node: etree._Element, path: str, number: int) -> list[Field]:
        kind = etree.QName(node).localname
        if kind == "group":
            self._once(node)
            group = self._named(node, "ref", "group")
            if group is None:
                raise self._error(node, f"group {node.get('ref')} is not declared")
            content = self._child(group, "sequence", "choice")
            if content is None:
                raise self._error(group, "a group holds a sequence or a choice")
            return self._content(content, path, number)
        if kind == "element":
            return [self._element(node, path)]
        if kind == "sequence":
            self._once(node)
            fields: list[Field] = []
            for child in node.iterchildren("{*}*"):
                if child.tag != _X + "annotation":
                    fields += self._content(child, path, number + len(fields))
            return fields
        if kind == "choice":
            return self._choice(node, path, number)
        raise self._error(node, f"xs:{kind} is not understood here")

    def _choice(self, node: etree._Element, path: str, number: int) -> list[Field]:
        required = node.get("minOccurs", "1") != "0"
        if node.get("maxOccurs", "1") != "1":
            raise self._error(node, "a choice that occurs more than once is not understood")
        fields: list[Field] = []
        branches = [child for child in node.iterchildren("{*}*") if child.tag != _X + "annotation"]
        for branch, child in enumerate(branches):
            for found in self._content(child, path, number):
                if found.choice is not None:
                    raise self._error(child, "a choice within a choice is not understood")
                fields.append(replace(found, choice=Choice(number, branch, required)))
        return fields

    def _attribute(self, declaration: etree._Element, path: str) -> Field:
        name = declaration.get("name")
        if not name:
            raise self._error(declaration, "an attribute must be declared by name")
        simple = self._simple_of(declaration)
        minimum = 1 if declaration.get("use") == "required" else 0
        marks = self._marks(declaration).joined(simple.marks)
        return Field(name, f"{path}/@{name}", True, simple.name, minimum, 1, marks, None, simple.enumeration)

    def _simple_of(self, declaration: etree._Element) -> _Simple:
        inline = self._child(declaration, "simpleType")
        return self._simple(inline) if inline is not None else self._type(declaration, "type")

    def _type(self, declaration: etree._Element, attribute: str) -> _Simple:
        """The simple type that the attribute names: a built-in one or one of ours."""
        prefix, _, local = (declaration.get(attribute) or "").rpartition(":")
        if declaration.nsmap.get(prefix or None) == XS:
            return _Simple(local, NONE, ())
        named = self._named(declaration, attribute, "simpleType")
        if named is None:
            raise self._error(declaration, f"type {declaration.get(attribute)} is not declared")
        if local not in self._types:
            self._types[local] = self._simple(named)
        return self._types[local]

    def _simple(self, declaration: etree._Element) -> _Simple:
        name = declaration.get("name") or "text"
        marks = self._marks(declaration)
        restriction = self._child(declaration, "restriction")
        if restriction is not None:
            base = self._type(restriction, "base") if restriction.get("base") else _Simple("text", NONE, ())
            values = tuple(value.get("value", "") for value in restriction.iterchildren(_X + "enumeration"))
            return _Simple(name, marks.joined(base.marks), values or base.enumeration)
        if self._child(declaration, "union", "list") is None:
            raise self._error(declaration, "a simple type is a restriction, a list or a union")
        return _Simple(name, marks, ())

    def _named(self, declaration: etree._Element, attribute: str, kind: str) -> etree._Element | None:
        prefix, _, local = (declaration.get(attribute) or "").rpartition(":")
        if declaration.nsmap.get(prefix or None) != self._namespace:
            return None
        return self._known.get((kind, local))

    def _occurs(self, declaration: etree._Element) -> tuple[int, int | None]:
        most = declaration.get("maxOccurs", "1")
        return int(declaration.get("minOccurs", "1")), None if most == "unbounded" else int(most)

    def _once(self, node: etree._Element) -> None:
        if node.get("minOccurs", "1") != "1" or node.get("maxOccurs", "1") != "1":
            raise self._error(node, "a sequence or group that does not occur exactly once is not understood")

    def _marks(self, declaration: etree._Element) -> Marks:
        if declaration in self._marks_of:
            return self._marks_of[declaration]
        try:
            return self._marks_of.setdefault(declaration, read_marks(declaration))
        except MarkError as error:
            raise XsdError(self._file(declaration), error.line, str(error)) from error

    def _child(self, holder: etree._Element, *kinds: str) -> etree._Element | None:
        return next((child for kind in kinds for child in holder.iterchildren(_X + kind)), None)

    def _file(self, node: etree._Element) -> str:
        return self._file_of[node.getroottree().getroot()]

    def _error(self, node: etree._Element, text: str) -> XsdError:
        return XsdError(self._file(node), line_of(node), text)
