"""A request in the words of Foundry Local's SDK, and what of a request its sessions cannot honour."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tandem.core.chat import ChatRequest
from tandem.core.errors import BadRequest, Unsupported
from tandem.core.models import ModelCard

if TYPE_CHECKING:
    from foundry_local_sdk import Item, RequestOptions

_ANY_OBJECT = '{"type":"object"}'


def items(request: ChatRequest) -> "Iterator[Item]":
    """The conversation in the SDK's pieces. Raises `BadRequest` for text that its strings cannot hold."""
    from foundry_local_sdk import MessageItem, MessageRole, ToolCallItem, ToolResultItem

    for position, message in enumerate(request.messages):
        _check_text(
            message.content, f"messages[{position}].content", may_be_empty=message.role in {"assistant", "tool"}
        )
        if message.role == "tool":
            yield ToolResultItem(message.tool_call_id or "", message.content)
            continue
        if message.content:
            yield MessageItem(MessageRole[message.role.upper()], message.content)
        for call in message.tool_calls:
            yield ToolCallItem(call.id, call.name, call.arguments)


def options(request: ChatRequest, room: int | None, index: int) -> "RequestOptions":
    """How choice ``index`` is to be sampled and shaped, in at most ``room`` tokens."""
    from foundry_local_sdk import RequestOptions, SearchOptions, ToolChoice

    sampling = request.sampling
    search = SearchOptions(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k or None,
        seed=None if sampling.seed is None else (sampling.seed + index) % 2**31,
        max_output_tokens=room,
    )
    schema = {"text": None, "json_object": _ANY_OBJECT, "json_schema": request.response_format.schema_json}
    guidance = schema[request.response_format.kind]
    required = request.tool_choice.mode in {"required", "named"}
    return RequestOptions(
        search=search,
        tool_choice=ToolChoice.REQUIRED if required else None,
        additional_options={"guidance_type": "json_schema", "guidance_data": guidance} if guidance else {},
    )


def refuse_what_it_cannot_do(request: ChatRequest, card: ModelCard) -> str | None:
    """Raise `Unsupported` for what would change the answer and cannot be honoured; else a note for the person."""
    sampling = request.sampling
    refused = {
        "logprobs": sampling.logprobs,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "logit_bias": bool(sampling.logit_bias),
        "prompt": request.raw_prompt is not None,
        "messages": any(message.image_count for message in request.messages),
    }
    for field, asked in refused.items():
        if asked:
            raise Unsupported(
                f"{card.id} runs in Foundry Local, whose sessions cannot honour {field}. Leave it out, or choose "
                "a model that Tandem's own engine runs.",
                param=field,
            )
    if not request.tools or "tools" in card.abilities or request.tool_choice.mode == "none":
        return None
    if request.tool_choice.mode != "auto":
        raise Unsupported(f"{card.id} cannot call tools. Choose a model that can.", param="tool_choice")
    return f"{card.id} cannot call tools; it answered without them."


def _check_text(text: str, field: str, *, may_be_empty: bool) -> None:
    if not text and not may_be_empty:
        raise BadRequest("Foundry Local takes no empty message. Say something, or leave it out.", param=field)
    if "\0" in text:
        raise BadRequest("The text holds a NUL character, which Foundry Local cannot take.", param=field)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest("The text holds half of a surrogate pair, which is no character.", param=field) from error
