"""A text is searched once, and no text is kept."""

from tandem.app.remembering import Remembered


def test_a_long_text_is_searched_once_and_a_changed_one_again() -> None:
    searched: list[str] = []

    def find(text: str) -> tuple[int, ...]:
        searched.append(text)
        return (len(text),)

    remembered = Remembered(find)
    long, longer = "word " * 200, "word " * 200 + "!"

    assert [remembered(text) for text in (long, longer, long)] == [(1000,), (1001,), (1000,)]
    assert searched == [long, longer]


def test_the_memory_is_bounded_and_holds_digests() -> None:
    remembered = Remembered(lambda text: (text[:3],))

    for number in range(9000):
        remembered(f"{number:05} " + "word " * 100)

    held = vars(remembered)["_results"]
    assert len(held) == 8192
    assert {len(key) for key in held} == {16}
