"""Progress that remembers every step."""


class Steps:
    """A `Progress` for tests: ``seen`` holds (done, total, what), ``whats`` each thing once, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, str]] = []

    def __call__(self, done: int, total: int, what: str) -> None:
        self.seen.append((done, total, what))

    @property
    def whats(self) -> list[str]:
        return list(dict.fromkeys(what for _, _, what in self.seen))
