"""Foundry Local's own chat session on the same files, registered as a model of one's own; its telemetry is off.

It has no option for threads, so it is shown a folder of links to the same files with the number in `genai_config.json`.
A follow-up is the next turn of the same session, which is how its sessions are meant to be used.
"""

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import cast

from foundry_local_sdk import (
    CatalogType,
    ChatSession,
    Configuration,
    FoundryLocalManager,
    LogLevel,
    MessageItem,
    MessageRole,
    ModelInfoBuilder,
    Request,
    RequestOptions,
    SearchOptions,
    TextItem,
)

from bench.asking import Answer, Ask

ROLES = {"system": MessageRole.SYSTEM, "user": MessageRole.USER, "assistant": MessageRole.ASSISTANT}
MODEL_ID = "bench-generic-cpu:1"


class FoundrySessions:
    """Options: ``folder``, ``threads``."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options
        self._sessions: dict[str, ChatSession] = {}

    def open(self) -> None:
        """Start the manager, register the folder and load the model."""
        self._home = tempfile.TemporaryDirectory(prefix="bench-foundry-")
        home = Path(self._home.name)
        shown = _with_threads(Path(self._options["folder"]), home / "model", int(self._options["threads"]))
        self._manager = FoundryLocalManager(
            Configuration(
                app_name="bench",
                app_data_dir=str(home / "data"),
                log_level=LogLevel.FATAL,
                disable_nonessential_telemetry=True,
            )
        )
        described = ModelInfoBuilder()
        described.set_string_property("task", "chat-completion")
        catalog = self._manager.get_catalog(CatalogType.LOCAL)
        self._model = catalog.register_model(shown, model_id=MODEL_ID, metadata=described)
        self._model.load()

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """One session and one thread for each question; sessions live until other conversations begin."""
        known = {ask.conversation for ask in asks}
        for name in [name for name in self._sessions if name not in known]:
            self._sessions.pop(name).__exit__()
        began = time.perf_counter()
        with ThreadPoolExecutor(len(asks)) as threads:
            going = [threads.submit(self._answer, ask, began + ask.after_seconds) for ask in asks]
            return [future.result() for future in going]

    def processes(self) -> Mapping[str, int]:
        """The whole of it is one process."""
        return {"process": os.getpid()}

    def facts(self) -> Mapping[str, str]:
        """Versions."""
        return {"foundry-local-sdk": version("foundry-local-sdk")}

    def close(self) -> None:
        """Close sessions, then the model, then the manager."""
        for session in self._sessions.values():
            session.__exit__()
        self._model.unload()
        self._manager.close()
        self._home.cleanup()

    def _answer(self, ask: Ask, sent: float) -> Answer:
        time.sleep(max(0.0, sent - time.perf_counter()))
        session, new = self._sessions.get(ask.conversation), ask.turns[-1:]
        if session is None:
            session, new = ChatSession(self._model), ask.turns
            session.set_streaming(enabled=True)
            self._sessions[ask.conversation] = session
        with Request() as request:
            for turn in new:
                request.add_item(MessageItem(ROLES[turn.role], turn.content))
            search = SearchOptions(max_output_tokens=ask.max_tokens, do_sample=False)
            request.set_options(RequestOptions(search=search))
            return _read(session, request, sent)


def _read(session: ChatSession, request: Request, sent: float) -> Answer:
    chunks: list[float] = []
    text = ""
    with session.process_streaming_request(request) as stream:
        for item in stream:
            if isinstance(item, TextItem) and item.text:
                chunks.append(time.perf_counter())
                text += item.text
        with stream.final_response as final:
            usage = final.get_usage()
    return Answer(
        sent=sent,
        chunks=tuple(chunks),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=-1,
        text=text,
    )


def _with_threads(folder: Path, shown: Path, threads: int) -> Path:
    """A folder of links to the same files, its configuration naming the number of threads."""
    shown.mkdir(parents=True)
    for file in folder.iterdir():
        (shown / file.name).symlink_to(file.resolve())
    config = cast(
        "dict[str, dict[str, dict[str, dict[str, int]]]]", json.loads((folder / "genai_config.json").read_text())
    )
    config["model"]["decoder"].setdefault("session_options", {})["intra_op_num_threads"] = threads
    (shown / "genai_config.json").unlink()
    (shown / "genai_config.json").write_text(json.dumps(config))
    return shown
