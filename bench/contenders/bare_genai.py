"""ONNX Runtime GenAI with nothing around it: the loop that its own examples show, careful about what it keeps.

One thread. Prompts are read in the order in which they came, then streams take turns, a token each. The generators of
the last conversations are kept, so that a follow-up reads only what is new (`rewind_to`): the best that a careful
author of such a loop can have.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import Any

from bench.asking import Answer, Ask, Turn

SPARE_TOKENS = 256
Vendor = Any
"""An object of onnxruntime-genai, which tells no types."""


@dataclass(slots=True, kw_only=True)
class _Stream:
    """One answer under way."""

    ask: Ask
    sent: float
    generator: Vendor
    prompt: list[int]
    cached_tokens: int
    pieces: Vendor
    said: list[int] = field(default_factory=list[int])
    chunks: list[float] = field(default_factory=list[float])
    text: str = ""

    def step(self) -> bool:
        """Make one token; ``False`` when the answer is complete."""
        self.generator.generate_next_token()
        if self.generator.is_done():
            return False
        token = int(self.generator.get_next_tokens()[0])
        piece = str(self.pieces.decode(token))
        self.said.append(token)
        self.text += piece
        if piece:
            self.chunks.append(time.perf_counter())
        return len(self.said) < self.ask.max_tokens

    def answer(self) -> Answer:
        """What came of it."""
        return Answer(
            sent=self.sent,
            chunks=tuple(self.chunks),
            prompt_tokens=len(self.prompt),
            completion_tokens=len(self.said),
            cached_tokens=self.cached_tokens,
            text=self.text,
        )


class BareGenAI:
    """Options: ``folder``, ``threads``."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options
        self._kept: dict[str, _Stream] = {}

    def open(self) -> None:
        """Load the model."""
        og = self._og = import_module("onnxruntime_genai")
        og.disable_telemetry_events()
        config: Vendor = og.Config(self._options["folder"])
        threads = {"intra_op_num_threads": int(self._options["threads"])}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": threads}}}))
        self._model: Vendor = og.Model(config)
        self._tokenizer: Vendor = og.Tokenizer(self._model)

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """Read the prompts as they come, then decode in turns."""
        began = time.perf_counter()
        streams: dict[int, _Stream] = {}
        for at, ask in sorted(enumerate(asks), key=lambda row: row[1].after_seconds):
            sent = began + ask.after_seconds
            time.sleep(max(0.0, sent - time.perf_counter()))
            streams[at] = self._read(ask, sent)
        going = [stream for stream in streams.values() if stream.step()]
        while going:
            going = [stream for stream in going if stream.step()]
        self._kept = {stream.ask.conversation: stream for stream in streams.values()}
        return [streams[at].answer() for at in range(len(asks))]

    def processes(self) -> Mapping[str, int]:
        """The whole of it is one process."""
        return {"process": os.getpid()}

    def facts(self) -> Mapping[str, str]:
        """Versions."""
        return {"onnxruntime-genai": version("onnxruntime-genai"), "onnxruntime": version("onnxruntime")}

    def close(self) -> None:
        """Free the generators before their model."""
        self._kept.clear()
        del self._tokenizer, self._model

    def _read(self, ask: Ask, sent: float) -> _Stream:
        """Read a prompt, or what is new of it."""
        prompt = self._encode(ask.turns)
        before = self._kept.pop(ask.conversation, None)
        shared = 0
        if before is None:
            self._kept.clear()
            generator = self._generator(len(prompt) + ask.max_tokens + SPARE_TOKENS)
        else:
            generator = before.generator
            shared = min(_common(before.prompt + before.said, prompt), int(generator.token_count()), len(prompt) - 1)
            generator.rewind_to(shared)
        generator.append_tokens(prompt[shared:])
        return _Stream(
            ask=ask,
            sent=sent,
            generator=generator,
            prompt=prompt,
            cached_tokens=shared,
            pieces=self._tokenizer.create_stream(),
        )

    def _generator(self, length: int) -> Vendor:
        params: Vendor = self._og.GeneratorParams(self._model)
        params.set_search_options(max_length=length, do_sample=False)
        return self._og.Generator(self._model, params)

    def _encode(self, turns: Sequence[Turn]) -> list[int]:
        messages = json.dumps([turn._asdict() for turn in turns])
        text = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        return [int(token) for token in self._tokenizer.encode(text)]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two lists share from the start."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
