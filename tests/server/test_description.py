"""Our own description is true: schemathesis reads it and asks what it promises, and what it forbids."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.fakes import CHAT_CARD
from support.serving import a_service, served_in_thread
from tandem.backends.echo import EchoBackend
from tandem.server.description import OPERATIONS, document

EMBEDDING_PATHS = ("EmbeddingBody",)


def with_models_that_exist(described: dict[str, Any]) -> dict[str, Any]:
    """Most made-up names would be 404, so that little else would be tried."""
    for name, schema in described["components"]["schemas"].items():
        if "model" in schema.get("properties", {}) and "messages" in schema["properties"] | {"prompt": 0, "input": 0}:
            schema["properties"]["model"] = {"enum": ["vectors" if name in EMBEDDING_PATHS else CHAT_CARD.id]}
    return described


@pytest.mark.timeout(120)
def test_schemathesis_finds_no_failure_and_no_untruth(tmp_path: Path) -> None:
    with served_in_thread(a_service(EchoBackend())) as address:
        described = with_models_that_exist(httpx.get(f"{address}/openapi.json").json())
        (tmp_path / "openapi.json").write_text(json.dumps(described), "utf-8")
        judged = subprocess.run(  # noqa: PLW1510
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", str(tmp_path / "openapi.json")),
                *("--url", address, "--phases", "coverage,fuzzing", "--max-examples", "8", "--max-time", "25"),
                *("--exclude-checks", "positive_data_acceptance", "--seed", "7", "--no-color", "--no-shrink"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert judged.returncode == 0, judged.stdout[-4000:] + judged.stderr[-1000:]
    assert "Tested: 14" in judged.stdout or f"Tested: {len(OPERATIONS)}" in judged.stdout


def test_every_path_and_every_error_is_described() -> None:
    described = document(OPERATIONS)
    operations = [one for path in described["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) == len(OPERATIONS)
    chat = described["paths"]["/v1/chat/completions"]["post"]
    assert {"200", "400", "401", "404", "413", "429", "503"} <= set(chat["responses"])
    assert set(chat["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert "text/event-stream" not in described["paths"]["/v1/embeddings"]["post"]["responses"]["200"]["content"]
    temperature = described["components"]["schemas"]["ChatBody"]["properties"]["temperature"]
    assert {"type": "number", "minimum": 0, "maximum": 2} in temperature["anyOf"]
