"""What holds for a model of this device where nobody says otherwise: settings, backends and engine read it here."""

KEEP_ALIVE_SECONDS = 1800.0
"""How long an idle model stays loaded."""
KV_BYTES = 2**30
"""The bound of the KV memory of one model."""
STREAMS_LIMIT = 8
"""Requests of one model that are answered at once."""
QUEUE_LIMIT = 32
"""Requests of one model that may wait beside those; the next is refused."""
PREFILL_CHUNK_TOKENS = 256
"""The largest piece of a prompt that is read in one go."""
