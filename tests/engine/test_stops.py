"""Stop strings against a reference that reads one character at a time."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.engine.stops import StopStrings, overlap

words = st.text(alphabet="ab#", min_size=0, max_size=30)
stops = st.lists(st.text(alphabet="ab#", min_size=1, max_size=4), max_size=4)


def reference(text: str, stop_strings: list[str]) -> tuple[str, str | None]:
    """Read one character at a time; end at the first complete stop string, the longest of several."""
    for end in range(1, len(text) + 1):
        complete = [stop for stop in stop_strings if text[:end].endswith(stop)]
        if complete:
            longest = max(complete, key=len)
            return text[: end - len(longest)], longest
    return text, None


def run(pieces: list[str], stop_strings: list[str]) -> tuple[list[str], str | None]:
    scanner = StopStrings(stop_strings)
    shown: list[str] = []
    for piece in pieces:
        release = scanner.feed(piece)
        shown.append(release.text)
        if release.stop is not None:
            return shown, release.stop
    shown.append(scanner.flush())
    return shown, None


@given(st.lists(words, max_size=12), stops)
def test_the_outcome_is_that_of_reading_one_character_at_a_time(pieces: list[str], stop_strings: list[str]) -> None:
    shown, stop = run(pieces, stop_strings)
    assert ("".join(shown), stop) == reference("".join(pieces), stop_strings)


@given(st.lists(words, max_size=12), stops)
def test_what_is_shown_is_never_taken_back(pieces: list[str], stop_strings: list[str]) -> None:
    shown, _ = run(pieces, stop_strings)
    final, _ = reference("".join(pieces), stop_strings)
    assert all(final.startswith("".join(shown[:at])) for at in range(len(shown)))


@given(words, stops)
def test_text_is_held_back_only_while_it_may_become_a_stop_string(text: str, stop_strings: list[str]) -> None:
    scanner = StopStrings(stop_strings)
    release = scanner.feed(text)
    held = text[len(release.text) :]
    assert release.stop is not None or held == "" or any(stop.startswith(held) for stop in stop_strings)


def test_an_empty_stop_string_stops_nothing() -> None:
    assert run(["abc"], [""]) == (["abc", ""], None)


def test_the_overlap_is_the_longest_unfinished_needle() -> None:
    assert overlap("xxab", ["abc", "bd"]) == 2
    assert overlap("xxabc", ["abc"]) == 0
