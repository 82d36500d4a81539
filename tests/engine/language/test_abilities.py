"""What the catalog writes down about a folder is what the engine finds in it."""

from pathlib import Path

import pytest

from support.folders import CHATML, write_folder
from tandem.catalog.folders import abilities_of
from tandem.engine.language import Language

TEMPLATES = [
    CHATML,
    None,
    "{% if tools %}{{ tools | tojson }}{% endif %}" + CHATML,
    "{# {{ tools }} #}" + CHATML + "{{ 'no tools here' }}",
    "{% for m in messages %}{% if m.tools %}{{ m['tools'] }}{% endif %}{{ m.content }}{% endfor %}",
    CHATML + "<think>\n",
]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("added", [(), ("<think>", "</think>")])
def test_catalog_and_engine_agree_on_what_a_model_can_do(
    template: str | None, added: tuple[str, ...], tmp_path: Path
) -> None:
    folder = write_folder(tmp_path, template=template, plain_controls=added)
    found = Language.open(folder).abilities
    assert frozenset(abilities_of(folder)) == found
    assert ("tools" in found) == (template in TEMPLATES[2:3] + TEMPLATES[4:5])
    assert ("reasoning" in found) == (bool(added) or template == TEMPLATES[5])
