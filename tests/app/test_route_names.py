"""What ``tandem route`` tells of names that identify nobody."""

from support.gateways import house
from tandem.app.route import request_of_text, routed
from tandem.routing.guards import Protection

TEXT = "Mary has three apples."


def test_a_weak_name_is_shown_as_such_and_lets_the_text_leave_as_it_is() -> None:
    document = routed(house().gateway, request_of_text(TEXT), "cloud-first")

    assert document["place"] == "cloud"
    assert document["facts"]["private"] == [{"label": "PERSON", "start": 0, "end": 4, "weak": True}]
    assert "leaves" not in document


def test_a_weak_name_leaves_with_a_stand_in_where_the_owner_hides_private_text() -> None:
    document = routed(house(protection=Protection(mode="redact")).gateway, request_of_text(TEXT), "cloud-first")

    assert document["place"] == "cloud"
    assert "Mary" not in document["leaves"]["messages"][0]
    assert [one["label"] for one in document["leaves"]["stand_ins"]] == ["PERSON"]


def test_every_name_stays_where_the_owner_says_so_and_a_full_name_stays_anyway() -> None:
    every = routed(house(protection=Protection(names="all")).gateway, request_of_text(TEXT), "cloud-first")
    full = routed(house().gateway, request_of_text("Write to Anna Nowak."), "cloud-first")
    none = routed(
        house(protection=Protection(names="off")).gateway, request_of_text("Write to Anna Nowak."), "cloud-first"
    )

    assert (every["place"], full["place"], none["place"]) == ("device", "device", "cloud")
    assert "weak" not in full["facts"]["private"][0]
