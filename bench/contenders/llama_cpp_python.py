"""llama-cpp-python on the GGUF file that the ONNX model was made from. One question at a time, as the library works.

Runs in whatever environment has the library; it compiles C++, so it is no dependency of ours.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any, cast

from bench.asking import Answer, Ask

CONTEXT_TOKENS = 4096
Vendor = Any
"""An object of llama-cpp-python, which is not installed where types are checked."""


class LlamaCpp:
    """Options: ``file``, ``threads``."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options

    def open(self) -> None:
        """Load the file."""
        threads = int(self._options["threads"])
        library, formats = import_module("llama_cpp"), import_module("llama_cpp.llama_chat_format")
        self._model: Vendor = library.Llama(
            self._options["file"], n_ctx=CONTEXT_TOKENS, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        template = self._model.metadata["tokenizer.chat_template"]
        self._template: Vendor = formats.Jinja2ChatFormatter(template, eos_token="", bos_token="")

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """In the order in which they came; who comes second waits."""
        began = time.perf_counter()
        answers: dict[int, Answer] = {}
        for at, ask in sorted(enumerate(asks), key=lambda row: row[1].after_seconds):
            answers[at] = self._answer(ask, began + ask.after_seconds)
        return [answers[at] for at in range(len(asks))]

    def processes(self) -> Mapping[str, int]:
        """The whole of it is one process."""
        return {"process": os.getpid()}

    def facts(self) -> Mapping[str, str]:
        """Version."""
        return {"llama-cpp-python": version("llama-cpp-python")}

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def _answer(self, ask: Ask, sent: float) -> Answer:
        time.sleep(max(0.0, sent - time.perf_counter()))
        messages = [turn._asdict() for turn in ask.turns]
        events = self._model.create_chat_completion(messages, stream=True, temperature=0.0, max_tokens=ask.max_tokens)
        chunks: list[float] = []
        text, reason = "", ""
        for event in cast("Iterator[dict[str, list[dict[str, Any]]]]", events):
            choice = event["choices"][0]
            reason = choice["finish_reason"] or reason
            if piece := choice["delta"].get("content"):
                chunks.append(time.perf_counter())
                text += piece
        prompt = self._model.tokenize(self._template(messages=messages).prompt.encode(), add_bos=False, special=True)
        return Answer(
            sent=sent,
            chunks=tuple(chunks),
            prompt_tokens=len(prompt),
            completion_tokens=ask.max_tokens if reason == "length" else len(chunks),
            cached_tokens=-1,
            text=text,
        )
