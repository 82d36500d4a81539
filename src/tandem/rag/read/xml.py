"""XML from strangers as a light tree: no entities, no outside references, bounded depth and size."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType

from tandem.rag.read.document import Unreadable
from tandem.rag.read.limits import Limits

_ELEMENTS_MOST = 4_000_000


@dataclass(slots=True)
class Element:
    """Names are without their namespaces (but ``r:id`` keeps its own); ``text`` is before the first child.

    ``tail`` is the text between the element's end and what follows it.
    """

    name: str
    attributes: dict[str, str]
    text: str = ""
    tail: str = ""
    children: list["Element"] = field(default_factory=list["Element"])

    def walk(self) -> Iterator["Element"]:
        """The element and all below it, in order."""
        waiting: list[Element] = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))

    def all(self, *names: str) -> Iterator["Element"]:
        """Those at any depth below (or this) with one of ``names``."""
        return (element for element in self.walk() if element.name in names)

    def first(self, name: str) -> "Element | None":
        """The first at any depth with ``name``."""
        return next(self.all(name), None)

    def get(self, name: str) -> str:
        """An attribute, empty where it is absent."""
        return self.attributes.get(name, "")

    def content(self) -> str:
        """All text inside."""
        return "".join([self.text, *(element.text + element.tail for element in list(self.walk())[1:])])


def parse_xml(raw: bytes, limits: Limits) -> Element:
    """The root element. Raises `Unreadable`: ``broken``, ``bomb`` (it declares entities) or ``too_deep``."""
    parser = ParserCreate(namespace_separator="\n")
    parser.buffer_text = True
    builder = _Builder(parser, limits)
    try:
        parser.Parse(raw, True)  # noqa: FBT003 - the last piece
    except ExpatError as error:
        raise Unreadable("broken", detail=f"XML, line {error.lineno}") from error
    if builder.root is None:
        raise Unreadable("broken", detail="XML without an element")
    return builder.root


class _Builder:
    def __init__(self, parser: XMLParserType, limits: Limits) -> None:
        self.root: Element | None = None
        self._limits = limits
        self._open: list[Element] = []
        self._count = 0
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= self._limits.depth:
            raise Unreadable("too_deep", detail=f"more than {self._limits.depth} levels of XML")
        if self._count > _ELEMENTS_MOST:
            raise Unreadable("too_large", detail="millions of XML elements")
        plain = {_attribute(key): value for key, value in attributes.items()}
        element = Element(_local(name), plain)
        if self._open:
            self._open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if not self._open:
            return
        parent = self._open[-1]
        if parent.children:
            parent.children[-1].tail += text
        else:
            parent.text += text

    def _entity(self, *_: object) -> None:
        raise Unreadable("bomb", detail="XML that declares entities")


def _attribute(name: str) -> str:
    space, _, local = name.rpartition("\n")
    return f"r:{local}" if space.endswith("/relationships") else local


def _local(name: str) -> str:
    return name.rpartition("\n")[2]
