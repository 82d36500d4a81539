"""Writing down many words."""


def words(text: str) -> tuple[str, ...]:
    """The words of a text that is nothing but words."""
    return tuple(text.split())
