"""An answer that breaks after its first word ends with an error event in every dialect, never as if it were whole."""

import asyncio
import json
from typing import Any

import pytest

from support.clients import BODIES, calling
from support.fakes import STARTED, ScriptedResponder
from support.serving import a_service
from tandem.core import errors
from tandem.core.chat import TextDelta

ENDINGS = ("[DONE]", "message_stop", "response.completed", "response.incomplete")
BREAKS: list[tuple[Exception, str, str]] = [
    (errors.Unreachable("cloud-large broke off after 3 words."), "unreachable", "cloud-large broke off"),
    (errors.ProviderRefused("The provider failed.", status=500), "provider_refused", "The provider failed."),
    (errors.Busy("The provider is busy.", retry_after_seconds=3), "rate_limit_exceeded", "The provider is busy."),
    (errors.WorkerDied("The worker ended."), "worker_died", "The worker ended."),
    (RuntimeError("my secret"), "internal_error", "Something went wrong in Tandem itself"),
]


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(("error", "code", "sentence"), BREAKS)
def test_a_broken_answer_ends_with_an_error_event(path: str, error: Exception, code: str, sentence: str) -> None:
    async def main() -> str:
        responder = ScriptedResponder([STARTED, TextDelta(text="Once"), error])
        async with calling(a_service(responder)) as client:
            answer = await client.post(path, json={"model": "scripted", "stream": True, **BODIES[path]})
            metrics = (await client.get("/metrics")).text
        assert answer.status_code == 200
        assert f'route="{path}",status="200"' not in metrics
        return answer.text

    text = asyncio.run(main())
    assert "Once" in text
    assert not any(ending in text for ending in ENDINGS)
    last = events_of(text)[-1]
    assert sentence in json.dumps(last)
    if path == "/v1/responses":  # its codes are a closed list of OpenAI's
        assert last["type"] == "response.failed"
        assert last["response"]["error"]["code"] in {"server_error", "rate_limit_exceeded"}
    else:
        assert code in json.dumps(last["error"])
    assert "secret" not in text


@pytest.mark.parametrize("path", BODIES)
def test_an_answer_in_one_piece_that_breaks_is_an_error_and_no_half_answer(path: str) -> None:
    async def main() -> None:
        responder = ScriptedResponder([STARTED, TextDelta(text="Once"), errors.Unreachable("It broke off.")])
        async with calling(a_service(responder)) as client:
            answer = await client.post(path, json={"model": "scripted", **BODIES[path]})
        assert answer.status_code == 503
        assert "Once" not in answer.text

    asyncio.run(main())
