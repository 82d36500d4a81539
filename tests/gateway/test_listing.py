"""The listing of names: made anew when a card changes, and only then."""

from collections.abc import Sequence
from dataclasses import replace

from support.gateways import FAR, NEAR, ScriptedBackend
from tandem.core.models import ModelCard
from tandem.gateway.listing import Listing
from tandem.gateway.names import Names
from tandem.routing.guards import Protection
from tandem.routing.reading import read_policies


def a_listing(near: list[Sequence[ModelCard]], far: ScriptedBackend) -> Listing:
    policies, _ = read_policies({}, Protection())
    names = Names(
        default_model=NEAR.id,
        default_embedder="minilm",
        aliases={"mine": NEAR.id},
        tasks={NEAR.id: ("code",)},
    )
    return Listing(lambda: near[0], {far.card.id: far}, names, policies)


def test_every_name_leads_to_its_card() -> None:
    listing = a_listing([(NEAR,)], ScriptedBackend(FAR))

    names = [card.id for card in listing.cards()]

    assert names[0] == "auto"
    assert {NEAR.id, FAR.id, "mine"} <= set(names)
    assert all(listing.card(name) == card for name, card in zip(names, listing.cards(), strict=True))
    assert listing.card("nobody") is None


def test_what_is_not_installed_is_not_listed() -> None:
    listing = a_listing([(NEAR, replace(NEAR, id="phi", installed=False))], ScriptedBackend(FAR))

    assert [card.id for card in listing.models()] == [NEAR.id, FAR.id]


def test_a_model_of_the_device_has_the_tasks_of_its_row() -> None:
    listing = a_listing([(NEAR,)], ScriptedBackend(FAR))

    assert listing.models()[0].tasks == ("code",)


def test_nothing_is_made_anew_while_nothing_changes() -> None:
    listing = a_listing([(NEAR,)], ScriptedBackend(FAR))

    assert listing.cards() is listing.cards()
    assert listing.models() is listing.models()


def test_a_change_near_or_far_is_seen_by_the_next_who_asks() -> None:
    near: list[Sequence[ModelCard]] = [(NEAR,)]
    far = ScriptedBackend(FAR)
    listing = a_listing(near, far)
    listing.models()

    near[0] = (replace(NEAR, loaded=True),)
    assert listing.models()[0].loaded

    far.card = replace(FAR, context_tokens=7)
    assert listing.models()[-1].context_tokens == 7
