"""Charts of Office files: their numbers, which are kept in the file, as tables."""

import re

from tandem.rag.read.blocks import Blocks
from tandem.rag.read.package import Package
from tandem.rag.read.xml import Element

_CHART = re.compile(r"charts/chart[^/]*\.xml$")


def is_chart(part: str) -> bool:
    """Whether a part's name is that of a chart."""
    return _CHART.search(part) is not None


def add_charts(package: Package, part: str, blocks: Blocks) -> None:
    """Add every chart that ``part`` shows."""
    for target in package.relations(part).values():
        if is_chart(target) and package.has(target):
            add_chart(package.xml(target), blocks)


def add_chart(root: Element, blocks: Blocks) -> None:
    """The chart's numbers as a table: categories down, series across."""
    heads, columns, names = [""], list[list[str]](), list[str]()
    title = root.first("title")
    blocks.add("paragraph", "".join(t.text for t in title.all("t")) if title else "")
    for series in root.all("ser"):
        name, categories, values = (series.first(part) for part in ("tx", "cat", "val"))
        heads.append(" ".join(_values(name)))
        names = names or _values(categories)
        columns.append(_values(values))
    height = max((len(column) for column in [names, *columns]), default=0)
    rows = [[(column[i] if i < len(column) else "") for column in [names, *columns]] for i in range(height)]
    if rows:
        blocks.table([heads, *rows])


def _values(parent: Element | None) -> list[str]:
    return [value.text for value in parent.all("v")] if parent else []
