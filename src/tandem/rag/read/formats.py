"""Which reader serves a file: by the ending of its name, and by its first bytes where these say otherwise."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from tandem.rag.read.document import Document, Unreadable
from tandem.rag.read.limits import Limits

Read = Callable[[bytes, Limits], Document]

_CODE = """
ada adb ads asm bash bat c cc cfg clj cmake cmd conf cpp cs css cu cxx d dart diff el elm erl ex exs f90 fish fs fsx go
gradle graphql groovy h hh hpp hs hxx ini ino java jl js json jsonl jsx kt kts less lisp lua m mjs ml mli mm nim nix pas
patch php pl pm proto ps1 py pyi pyx r rb rs rst sass scala scm scss sh sol sql svelte swift tcl tex tf toml ts tsx v vb
vhd vue xml nxml xsd xsl yaml yml zig zsh dockerfile makefile jenkinsfile vagrantfile gemfile rakefile
"""
_READERS: dict[str, tuple[str, str]] = {
    "markdown": ("markdown", "read_markdown"),
    "text": ("markdown", "read_text"),
    "html": ("html", "read_html"),
    "pdf": ("pdf", "read_pdf"),
    "docx": ("docx", "read_docx"),
    "pptx": ("pptx", "read_pptx"),
    "xlsx": ("xlsx", "read_xlsx"),
    "odf": ("odf", "read_odf"),
    "csv": ("sources", "read_csv"),
    "epub": ("epub", "read_epub"),
    "mail": ("mail", "read_mail"),
    "notebook": ("sources", "read_notebook"),
    "code": ("sources", "read_code"),
}
_ENDINGS: dict[str, str] = {
    "markdown": "md markdown mdown mkd mdx qmd rmd",
    "text": "txt text log asc adoc asciidoc srt vtt readme license copying changelog authors",
    "html": "html htm xhtml xht shtml",
    "pdf": "pdf",
    "docx": "docx docm dotx",
    "pptx": "pptx pptm ppsx potx",
    "xlsx": "xlsx xlsm xltx",
    "odf": "odt ott odp otp ods ots fodt",
    "csv": "csv tsv tab psv",
    "epub": "epub",
    "mail": "eml mht mhtml",
    "notebook": "ipynb",
}
FORMATS: dict[str, str] = dict.fromkeys(_CODE.split(), "code") | {
    ending: name for name, endings in _ENDINGS.items() for ending in endings.split()
}
_ZIPPED = {"docx", "pptx", "xlsx", "odf", "epub"}
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM", b"RIFF")


def format_of(name: str) -> str | None:
    """The reader for a file's name (see `FORMATS`), or None where there is none."""
    base = name.replace("\\", "/").rpartition("/")[2].lower()
    return FORMATS.get(base.rpartition(".")[2] if base not in FORMATS else base)


def read_bytes(raw: bytes, name: str, limits: Limits) -> Document:
    """Read a file's bytes in this process. Raises `Unreadable`; a hostile file may raise anything, or never return."""
    format_name = format_of(name)
    if format_name is None:
        raise Unreadable("unsupported")
    if not raw:
        raise Unreadable("empty")
    if raw[:1024].lstrip().startswith(b"%PDF-"):
        format_name = "pdf"
    elif format_name not in _ZIPPED and raw.startswith((b"PK\x03\x04", *_PICTURES)) and format_name != "pdf":
        raise Unreadable("binary")
    module, function = _READERS[format_name]
    reader = cast("Read", getattr(import_module(f"tandem.rag.read.{module}"), function))
    return reader(raw, limits)


def import_readers() -> None:
    """Import every reader now, for a process that will soon be closed off from its files."""
    for module in {module for module, _ in _READERS.values()}:
        import_module(f"tandem.rag.read.{module}")
