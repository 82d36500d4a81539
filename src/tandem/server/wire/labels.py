"""How confidential a text is, in its owner's own words: ``metadata.label`` of a message, an item or a whole request."""

from collections.abc import Mapping
from typing import cast

from tandem.core.errors import BadRequest

MAX_LABEL_CHARACTERS = 100


def label_of(metadata: object, param: str) -> str | None:
    """The label in a metadata object; ``None`` where there is none. Raises `BadRequest` for one that is no text.

    What is no object is refused, not passed over: it may be meant as a label.
    """
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise BadRequest(f"Invalid type for '{param}': expected an object such as {{\"label\": ...}}.", param=param)
    label = cast("Mapping[str, object]", metadata).get("label")
    if label is None:
        return None
    if not isinstance(label, str) or not label.strip() or len(label) > MAX_LABEL_CHARACTERS:
        raise BadRequest(
            f"Invalid value for '{param}.label': expected a text of 1 to {MAX_LABEL_CHARACTERS} characters.",
            param=f"{param}.label",
        )
    return label.strip()
