"""``tandem route`` reads a line as the server would read it, so that both decide alike."""

import json

import pytest

from support.gateways import FAR, NEAR, PESEL, House, ScriptedBackend, house
from tandem.app.route import routed_lines

HI = {"messages": [{"role": "user", "content": "hi"}]}


def cloudy() -> House:
    return house(ScriptedBackend(NEAR), ScriptedBackend(FAR), policy={"default": "cloud-first"})


def told(row: dict[str, object]) -> dict[str, object]:
    return next(iter(routed_lines(cloudy().gateway, [json.dumps(row).encode()], None)))


@pytest.mark.parametrize(
    ("row", "model", "rule"),
    [
        (HI, "large", "CloudFirst"),
        ({**HI, "private": True}, "small", "AskedToStayHere"),
        ({"text": "hi", "private": True}, "small", "AskedToStayHere"),
        ({**HI, "metadata": {"label": "internal"}}, "small", "LabelStaysHere"),
        ({"messages": [{**HI["messages"][0], "metadata": {"label": "internal"}}]}, "small", "LabelStaysHere"),
        ({**HI, "reasoning_effort": "high"}, "large", "CanHonour"),
        ({**HI, "user": f"PESEL {PESEL}"}, "small", "PrivateStaysHere"),
    ],
)
def test_a_line_is_decided_as_the_server_decides_it(row: dict[str, object], model: str, rule: str) -> None:
    document = told({"id": 7, **row})

    assert (document["id"], document["model"]) == (7, model)
    assert rule in json.dumps(document["because"])


def test_the_only_text_of_a_request_needs_no_place() -> None:
    document = told({"messages": [{"role": "user", "content": f"PESEL {PESEL}"}]})

    assert document["facts"]["private"] == [{"label": "PESEL", "start": 6, "end": 17}]  # type: ignore[index]


def test_a_line_that_cannot_be_decided_keeps_its_id() -> None:
    assert told({"id": "q", **HI, "model": "nobody"})["id"] == "q"
    assert told({"id": "q", "messages": []})["id"] == "q"
