"""One running product for all the tests of this folder."""

from collections.abc import Iterator

import pytest

from support.models import model_folder
from support.served import served


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server over the real models."""
    for model in ("smollm2-135m", "minilm-l6"):
        model_folder(model)
    with served(tmp_path_factory.mktemp("home")) as base:
        yield base
