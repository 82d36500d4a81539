"""Which desk a folder needs. Only the libraries of that one are loaded."""

from collections.abc import Callable
from pathlib import Path

from tandem.engine.desk import Act, Desk, Outbox
from tandem.engine.frames import EngineOptions


def open_desk(folder: Path, options: EngineOptions, outbox: Outbox, later: Callable[[Act], None]) -> Desk:
    """Load the model of a folder: one that talks where there is a ``genai_config.json``, else one that embeds.

    ``later`` hands an act to the main thread. Raises `CorruptFile` for a folder that holds no model that can be opened.
    """
    if (folder / "genai_config.json").is_file():
        from tandem.engine.chat_desk import ChatDesk

        return ChatDesk.open(folder, options, outbox, later)
    from tandem.engine.embedding_desk import EmbeddingDesk

    return EmbeddingDesk.open(folder, options, outbox)
