"""What the page has a row for."""

from bench.figures import Metric

LENGTHS = (128, 512, 800, 1500)
QUICK_LENGTHS = (128, 800)
STREAMS = (2, 4)
LONG_TOKENS = 1500
FOLLOW_UP_TOKENS = 800

START = Metric(id="start", title="start until ready", unit="s", better="lower", digits=2)
FIRST_WORD = Metric(id="first_word", title="start until the first word", unit="s", better="lower", digits=2)
INTRUDER = Metric(id="intruder", title="short prompt during a long prefill, TTFT", unit="s", better="lower", digits=2)
INTRUDED = Metric(id="intruded", title="the long prompt itself, then, TTFT", unit="s", better="lower", digits=2)
WORST_TTFT = Metric(id="worst_ttft", title="4 streams at once, TTFT of the last", unit="s", better="lower", digits=2)
MEMORY = Metric(id="memory", title="memory after loading and one answer (RSS)", unit="MB", better="lower", digits=0)
MEMORY_PEAK = Metric(id="memory_peak", title="most memory in the whole run (RSS)", unit="MB", better="lower", digits=0)
ALONE = Metric(id="alone", title="decode, 1 stream, the same texts one by one", unit="tok/s", better="higher")
QUOTING = Metric(id="quoting", title="decode of a text quoted from the prompt", unit="tok/s", better="higher")
PROSE = Metric(id="prose", title="decode of open prose", unit="tok/s", better="higher")
EMBEDDING = Metric(id="embedding", title="embeddings, 64 texts in a request", unit="texts/s", better="higher")
EMBEDDING_ONE = Metric(id="embedding_one", title="one text in a request", unit="ms", better="lower", digits=1)
REQUEST = Metric(id="request", title="server alone: a request", unit="ms", better="lower", digits=2)
CHUNK = Metric(id="chunk", title="server alone: a streamed chunk", unit="µs", better="lower", digits=0)
CANCEL = Metric(id="cancel", title="client gone until the worker rests", unit="ms", better="lower", digits=0)


def cold(tokens: int) -> Metric:
    """TTFT of a prompt of which nothing is cached."""
    return Metric(id=f"cold_{tokens}", title=f"TTFT cold, {tokens:,} tokens", unit="s", better="lower", digits=3)


def warm(tokens: int) -> Metric:
    """TTFT of a follow-up to a prompt of that length and its answer."""
    return Metric(
        id=f"warm_{tokens}", title=f"TTFT of the follow-up, {tokens:,} tokens", unit="s", better="lower", digits=3
    )


def decode(streams: int) -> Metric:
    """Tokens per second of all streams together."""
    title = "decode, 1 stream" if streams == 1 else f"decode, {streams} streams, total"
    return Metric(id=f"decode_{streams}", title=title, unit="tok/s", better="higher")
