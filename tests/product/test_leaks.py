"""Nothing private leaves: seeded secrets, in every place of every request, by every name and through every failure.

The far sides are the real doors outside, to a cloud on a real socket that keeps every byte; the server is the real one.
Whatever the mode, the canaries must not arrive, in any spelling; where a request is locked, nothing of it may.
"""

import itertools
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.canaries import NUMBERS, PESEL, SECRETS, WRITINGS, Secret, traces
from support.leak_house import CLOUD, DEVICE, MODELS, MODES, LeakHouse, leak_house, send
from support.places import CHAT, ENDPOINTS, QUESTION
from tandem.gateway import Gateway
from tandem.routing.guards import name_of

HARMLESS = "zebra quartz lantern"
STAYS = {
    ("/v1/chat/completions", "metadata of a message"),
    ("/v1/completions", "user"),
    ("/v1/completions", "suffix"),
    ("/v1/completions", "metadata"),
    ("/v1/completions", "an unknown field"),
    ("/v1/responses", "metadata"),
    ("/v1/responses", "user"),
    ("/v1/responses", "an unknown field"),
    *(("/v1/embeddings", place) for place in ENDPOINTS["/v1/embeddings"]),
}
"""What never leaves at all, private or not: these fields are ours, or no far side knows them."""
UNREADABLE = {"a picture's address", "a picture", "a sound", "mcp"}
"""What cannot be searched and therefore stays."""
PLACES = [(path, place) for path, places in ENDPOINTS.items() for place in places]
STATES = st.sampled_from([*DEVICE, "dies later", "absent"])
FAR_OF = {"/v1/messages": "claude", "/v1/embeddings": "words"}
"""Who is sent the body itself, by the dialect."""


@pytest.fixture(scope="module")
def house() -> Iterator[LeakHouse]:
    with leak_house() as running:
        yield running


def asked(path: str, place: str, text: str, model: str, *, stream: bool = False) -> dict[str, object]:
    """One request with a text at a place."""
    body = {**ENDPOINTS[path][place](text), "model": model}
    return body | {"stream": True} if stream else body


def arrived(house: LeakHouse, secret: Secret) -> list[str]:
    """The canaries that the cloud has heard since the house was set."""
    return traces(bytes(house.cloud.received), secret.canaries)


def test_the_search_for_canaries_finds_them_in_every_writing() -> None:
    for secret, (name, write) in itertools.product(SECRETS, WRITINGS.items()):
        received = b'{"messages":[{"content":"' + write(secret.text).replace('"', '\\"').encode() + b'"}]}'
        assert traces(received, secret.canaries) == sorted(secret.canaries), (secret.kind, name)
    assert traces(b'{"messages":[{"content":"Hello"}]}', SECRETS[0].canaries) == []


@pytest.mark.parametrize(("path", "place"), PLACES)
def test_harmless_text_arrives_from_every_place_that_leaves(house: LeakHouse, path: str, place: str) -> None:
    house.be()

    send(house, "lock", path, asked(path, place, HARMLESS, FAR_OF.get(path, "large")))

    stays = (path, place) in STAYS or place in UNREADABLE
    assert bool(traces(bytes(house.cloud.received), (HARMLESS,))) == (not stays)


@pytest.mark.parametrize(("path", "place"), PLACES)
def test_no_secret_leaves_from_any_place(house: LeakHouse, path: str, place: str) -> None:
    shift = PLACES.index((path, place))
    for at, mode in enumerate((*MODES, "redact")):
        secret = (NUMBERS if at % 2 else SECRETS)[(shift + at) % len(NUMBERS if at % 2 else SECRETS)]
        model = FAR_OF.get(path, "large") if at % 2 else "quick"
        house.be()
        send(house, mode, path, asked(path, place, secret.text, model))

        assert arrived(house, secret) == []
        if mode != "redact" and (path, place) not in STAYS and place != "prompts":
            assert house.cloud.requests == []


@settings(max_examples=600)
@given(
    mode=st.sampled_from(MODES),
    where=st.sampled_from(PLACES),
    secret=st.sampled_from(SECRETS),
    writing=st.sampled_from(sorted(WRITINGS)),
    how=st.tuples(st.sampled_from(MODELS), st.booleans(), STATES, st.sampled_from([*CLOUD, *(["well"] * 8)])),
)
def test_no_secret_leaves_by_any_name_in_any_writing_through_any_failure(
    house: LeakHouse,
    mode: str,
    where: tuple[str, str],
    secret: Secret,
    writing: str,
    how: tuple[str, bool, str, str],
) -> None:
    path, place = where
    model, stream, device, cloud = how
    house.be(device=device, cloud=cloud)

    send(house, mode, path, asked(path, place, WRITINGS[writing](secret.text), model, stream=stream))

    assert arrived(house, secret) == []
    if mode != "redact" and where not in STAYS and place != "prompts":
        assert house.cloud.requests == []


WISHES: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "a header": ({"x-tandem-private": "true"}, {}),
    "a field": ({}, {"private": True}),
    "a label": ({}, {"metadata": {"label": "internal"}}),
    "small talk": ({"x-task": "title_generation"}, {}),
}


@settings(max_examples=300)
@given(
    mode=st.sampled_from(MODES),
    path=st.sampled_from(sorted(ENDPOINTS.keys() - {"/v1/embeddings"})),
    wish=st.sampled_from(sorted(WISHES)),
    how=st.tuples(st.sampled_from(MODELS), st.booleans(), STATES),
)
def test_what_is_asked_to_stay_stays_whatever_it_says(
    house: LeakHouse, mode: str, path: str, wish: str, how: tuple[str, bool, str]
) -> None:
    model, stream, device = how
    headers, fields = WISHES[wish]
    place = next(iter(ENDPOINTS[path]))
    house.be(device=device)

    send(house, mode, path, asked(path, place, HARMLESS, model, stream=stream) | fields, headers.items())

    assert house.cloud.requests == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("model", MODELS)
def test_one_labelled_message_keeps_the_whole_conversation_here(house: LeakHouse, mode: str, model: str) -> None:
    turns = [{"role": "user", "content": HARMLESS, "metadata": {"label": "secret"}}, {"role": "user", "content": "x"}]
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses"):
        house.be()
        body = {"input" if path == "/v1/responses" else "messages": turns, "max_tokens": 9}
        if path == "/v1/responses":
            del body["max_tokens"]
        send(house, mode, path, body | {"model": model})

        assert house.cloud.requests == [], path


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wish", ["a header", "a field", "a label", "a secret"])
def test_a_conversation_that_is_kept_stays_private(house: LeakHouse, mode: str, wish: str) -> None:
    house.be()
    headers, fields = WISHES.get(wish, ({}, {}))
    secret = SECRETS[0]
    first = {"input": secret.text if wish == "a secret" else HARMLESS, "model": "small", **fields}
    kept = send(house, mode, "/v1/responses", first, headers.items())
    if mode == "block" and wish == "a secret":
        assert kept.status_code == 403
        return
    name: str | None = kept.json()["id"]
    for stream, model in itertools.product((False, True), MODELS):
        follow = {"input": QUESTION, "model": model, "previous_response_id": name, "stream": stream}
        again = send(house, mode, "/v1/responses", follow)
        if not stream and again.status_code == 200:
            name = again.json()["id"]

        assert arrived(house, secret) == []
        assert traces(bytes(house.cloud.received), (HARMLESS,)) == []
        if mode == "lock" or wish != "a secret":
            assert house.cloud.requests == []


def test_background_prompts_about_a_secret_stay(house: LeakHouse) -> None:
    secret = SECRETS[0]
    prompts = [
        f"### Task:\nGenerate a concise, 3-5 word title.\n<chat_history>\nUSER: {secret.text}\n</chat_history>",
        f"Analyze this conversation and make a title.\nUser: {secret.text}\nAI: I see.",
    ]
    for text, mode, model in itertools.product(prompts, MODES, MODELS):
        house.be()
        send(house, mode, "/v1/chat/completions", asked("/v1/chat/completions", "content", text, model))
        assert arrived(house, secret) == []


@pytest.mark.parametrize("number", [92040512344, 92040512344.0, 4539148803436467, 27114020045981273465120937])
def test_numbers_without_quotation_marks_are_text_too(house: LeakHouse, number: float) -> None:
    canary = str(int(number))
    for mode in MODES:
        for fields in ({"extra": number}, {"extra": [{"deep": number}]}):
            house.be()
            send(house, mode, "/v1/chat/completions", CHAT["content"]("Hi") | {"model": "large", **fields})
            assert traces(bytes(house.cloud.received), (canary,)) == []


def test_with_stand_ins_the_cloud_is_asked_and_the_caller_reads_the_originals(house: LeakHouse) -> None:
    for secret, stream in itertools.product(SECRETS, (False, True)):
        house.be()
        reply = send(
            house,
            "redact",
            "/v1/chat/completions",
            asked("/v1/chat/completions", "content", secret.text, "large", stream=stream),
        )

        assert reply.headers.get("x-tandem-place") == "cloud", reply.text
        assert "left as stand-ins" in reply.headers["x-tandem-note"]
        assert len(house.cloud.requests) == 1
        assert traces(bytes(house.cloud.received), secret.canaries) == []
        assert set(traces(_said(reply.text, stream), secret.canaries)) == set(secret.canaries), secret.kind


def _said(reply: str, stream: bool) -> bytes:
    """The words of an answer, its chunks put together."""
    if not stream:
        return json.loads(reply)["choices"][0]["message"]["content"].encode()
    events = [json.loads(line[6:]) for line in reply.splitlines() if line.startswith("data: {")]
    words = [event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"]]
    return "".join(words).encode()


@pytest.mark.parametrize(
    ("guard", "mode", "wish", "text"),
    [
        ("PrivateStaysHere", "lock", "", SECRETS[0].text),
        ("AskedToStayHere", "lock", "a header", HARMLESS),
        ("LabelStaysHere", "redact", "a label", HARMLESS),
        ("SmallTalkStaysHere", "lock", "small talk", HARMLESS),
        ("UnreadableStaysHere", "lock", "", "a picture"),
    ],
)
def test_these_tests_see_it_where_a_guard_is_taken_out(guard: str, mode: str, wish: str, text: str) -> None:
    def weaken(gateway: Gateway) -> None:
        for policy in (*gateway._rules.policies.named.values(), gateway._by_name, gateway._small_talk):
            kept = tuple(one for one in policy._guards if name_of(one) != guard)
            object.__setattr__(policy, "_guards", kept)

    headers, fields = WISHES.get(wish, ({}, {}))
    place = text if text in UNREADABLE else "content"
    with leak_house(weaken) as broken:
        broken.be(device="dead")
        send(
            broken,
            mode,
            "/v1/chat/completions",
            asked("/v1/chat/completions", place, text, "auto:cloud-first") | fields,
            headers.items(),
        )
        assert broken.cloud.requests != []


@pytest.mark.parametrize("fields", [{"phone": 601722934}, {"kontakt": {"telefon": "601 722 934"}}, {"pesel": [PESEL]}])
def test_a_key_is_the_cue_for_its_value(house: LeakHouse, fields: dict[str, object]) -> None:
    canaries = ("601722934", PESEL)
    for mode, place in itertools.product(MODES, ({"metadata": fields}, {"extra": [fields]})):
        if place.get("metadata") and not all(isinstance(value, str) for value in fields.values()):
            continue
        house.be()
        send(house, mode, "/v1/chat/completions", CHAT["content"]("Hi") | {"model": "large"} | place)
        assert traces(bytes(house.cloud.received), canaries) == []
        assert mode == "redact" or house.cloud.requests == []


def test_a_file_stays_even_where_its_secret_also_stands_in_a_message(house: LeakHouse) -> None:
    secret = SECRETS[0]
    body = CHAT["a file as a data address"](secret.text) | {"model": "large"}
    turns = [{"role": "user", "content": secret.text}]
    house.be()

    send(house, "redact", "/v1/chat/completions", {**body, "messages": [*turns, *_list(body["messages"])]})

    assert house.cloud.requests == []


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return [*value]  # pyright: ignore[reportUnknownVariableType]


def test_headers_and_queries_of_a_caller_go_nowhere(house: LeakHouse) -> None:
    house.be()
    url = "/v1/chat/completions?note=" + PESEL
    headers = {
        "x-note": PESEL,
        "cookie": PESEL,
        "user-agent": PESEL,
        "x-request-id": PESEL,
        "openai-organization": PESEL,
    }

    reply = send(house, "lock", url, asked("/v1/chat/completions", "content", HARMLESS, "large"), headers.items())

    assert reply.status_code == 200
    assert len(house.cloud.requests) == 1
    assert traces(bytes(house.cloud.received), (PESEL,)) == []
