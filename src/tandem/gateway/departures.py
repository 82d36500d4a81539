"""What left this process for far sides, by request: told by the door, asked by the gateway."""


class DepartureBook:
    """Remembers bytes by request until they are asked for."""

    def __init__(self) -> None:
        self._open: dict[str, list[tuple[str, int]]] = {}

    def expect(self, request_id: str) -> list[tuple[str, int]]:
        """Begin to count for a request; the list grows while it is answered."""
        return self._open.setdefault(request_id, [])

    def forget(self, request_id: str) -> None:
        """Stop counting for it."""
        self._open.pop(request_id, None)

    def left(self, request_id: str, provider: str, body_bytes: int) -> None:
        """``body_bytes`` of a request are being written to ``provider``'s socket now."""
        self._open.get(request_id, []).append((provider, body_bytes))
