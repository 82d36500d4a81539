"""E-books: a page for each chapter in the order of reading; lines are those of the chapter's own file."""

from tandem.rag.read.blocks import Blocks
from tandem.rag.read.document import Document, Note, Unreadable
from tandem.rag.read.encodings import decode
from tandem.rag.read.html import add_html, declared_charset
from tandem.rag.read.limits import Limits
from tandem.rag.read.package import Package, resolve


def read_epub(raw: bytes, limits: Limits) -> Document:
    """Read an ``.epub``. Raises `Unreadable`."""
    package = Package(raw, limits)
    if package.has("META-INF/rights.xml"):
        raise Unreadable("encrypted", detail="rights management")
    rootfile = package.xml("META-INF/container.xml").first("rootfile")
    main = rootfile.get("full-path") if rootfile else ""
    root = package.xml(main)
    places = {item.get("id"): resolve(main, item.get("href")) for item in root.all("item")}
    spine = [places.get(entry.get("idref"), "") for entry in root.all("itemref")]
    locked = _locked(package)
    blocks = Blocks(limits)
    for number, name in enumerate(spine, 1):
        if name in locked:
            raise Unreadable("encrypted")
        blocks.turn_to(number)
        if not package.has(name):
            blocks.notes.append(Note(code="part_missing", detail=name[:200]))
            continue
        chapter = package.part(name)
        if chapter.strip():
            add_html(decode(chapter, declared_charset(chapter)).text, blocks)
    title = root.first("title")
    return blocks.document(format_name="epub", title=title.content() if title else "", pages=len(spine), unit="chapter")


def _locked(package: Package) -> set[str]:
    """Parts under encryption. Fonts often are, and do not matter."""
    if not package.has("META-INF/encryption.xml"):
        return set()
    return {resolve("", place.get("URI")) for place in package.xml("META-INF/encryption.xml").all("CipherReference")}
