"""The official `openai` client against a server that runs already, so that its own cost is visible."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from bench.asking import Answer, Ask


class OpenAIClient:
    """Options: ``url``, ``model``."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options

    def open(self) -> None:
        """Import the client and make one."""
        import openai

        self._client = openai.OpenAI(base_url=f"{self._options['url']}/v1", api_key="unused", max_retries=0)

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """One after another."""
        return [self._answer(ask) for ask in asks]

    def processes(self) -> Mapping[str, int]:
        """The whole of it is one process."""
        return {"client": os.getpid()}

    def facts(self) -> Mapping[str, str]:
        """Version."""
        import openai

        return {"openai": openai.__version__}

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _answer(self, ask: Ask) -> Answer:
        chunks: list[float] = []
        text = ""
        prompt_tokens = completion_tokens = 0
        sent = time.perf_counter()
        stream = self._client.chat.completions.create(
            model=self._options["model"],
            messages=cast("Any", [turn._asdict() for turn in ask.turns]),
            max_tokens=ask.max_tokens,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        for event in stream:
            if event.usage is not None:
                prompt_tokens, completion_tokens = event.usage.prompt_tokens, event.usage.completion_tokens
            if event.choices and event.choices[0].delta.content:
                chunks.append(time.perf_counter())
                text += event.choices[0].delta.content
        return Answer(
            sent=sent,
            chunks=tuple(chunks),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cached_tokens=-1,
            text=text,
        )
