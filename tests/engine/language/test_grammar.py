"""JSON Schemas as grammars: what they allow, what they refuse, and what hostile ones may cost."""

import contextlib
import json
import time
from pathlib import Path

import jsonschema_rs
import numpy as np
import pytest

from support.folders import write_folder
from tandem.core.errors import BadRequest
from tandem.engine.language.grammar import Constraint, Grammars, read_schema
from tandem.engine.language.vocabulary import Vocabulary

Schema = dict[str, object]
CITY: Schema = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 12},
        "people": {"type": "integer", "minimum": 0, "maximum": 99999},
        "kind": {"enum": ["town", "village", None]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 3},
        "where": {"$ref": "#/$defs/place"},
    },
    "required": ["city", "people", "kind", "tags", "where"],
    "additionalProperties": False,
    "$defs": {
        "place": {
            "anyOf": [{"type": "null"}, {"type": "object", "properties": {"x": {"type": "boolean"}}, "required": ["x"]}]
        }
    },
}


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return Vocabulary((write_folder(tmp_path_factory.mktemp("g")) / "tokenizer.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def grammars(vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Grammars:
    text = (write_folder(tmp_path_factory.mktemp("g")) / "tokenizer.json").read_text(encoding="utf-8")
    return Grammars(text, vocabulary.pieces, frozenset([vocabulary.control("<|im_end|>") or 0]))


def accepts(constraint: Constraint, vocabulary: Vocabulary, text: str) -> bool:
    """Whether the grammar lets this whole text through, token by token, and may end there."""
    for token in vocabulary.encode(text):
        if not constraint.mask()[token]:
            return False
        constraint.take(token)
    return constraint.complete


def wander(constraint: Constraint, vocabulary: Vocabulary, seed: int, *, longest: int = 600) -> bytes | None:
    """Speak random allowed tokens until the grammar has no more to say; ``None`` where it never ends."""
    random = np.random.default_rng(seed)
    said = b""
    end = vocabulary.control("<|im_end|>") or 0
    for _ in range(longest):
        allowed = np.flatnonzero(constraint.mask())
        token = int(random.choice(allowed))
        if token == end:
            return said
        said += vocabulary.pieces[token]
        constraint.take(token)
        if constraint.stopped:
            return said
    return None


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_spoken_satisfies_the_schema(vocabulary: Vocabulary, grammars: Grammars, seed: int) -> None:
    said = wander(grammars.json_schema(CITY, "p").start(), vocabulary, seed)
    assert said is not None
    jsonschema_rs.validate(CITY, json.loads(said))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"b":[true,{"c":[]}]}',
        '{"a": 1, "b": [true, {"c": []}]}',
    ],
)
def test_json_comes_on_one_line_with_or_without_spaces(vocabulary: Vocabulary, grammars: Grammars, text: str) -> None:
    schema: Schema = {"properties": {"a": {"type": "integer"}, "b": {"type": "array"}}, "required": ["a", "b"]}
    assert accepts(grammars.json_schema({"type": "object", **schema}, "p").start(), vocabulary, text)


@pytest.mark.parametrize("said", ["{", '{"a": ', '{"a": 1', '{"a": [1, ', '{"a": [1]', '{"a": {'])
def test_white_space_never_follows_white_space(vocabulary: Vocabulary, grammars: Grammars, said: str) -> None:
    constraint = grammars.json_schema({"type": "object"}, "p").start()
    for token in vocabulary.encode(said):
        constraint.take(token)
    blanks = [token for text in (" ", "\n", "\t", "\r", "\n\n") for token in vocabulary.encode(text)]
    assert not constraint.mask()[blanks].any()


@pytest.mark.parametrize("schema", [{"type": "integer"}, {"type": "number"}, {"type": ["number", "null"]}])
def test_a_number_comes_to_an_end_and_is_one(vocabulary: Vocabulary, grammars: Grammars, schema: Schema) -> None:
    for seed in range(30):
        constraint = grammars.json_schema({"type": "array", "items": schema, "minItems": 1}, "p").start()
        said = b""
        random = np.random.default_rng(seed)
        while not constraint.stopped:
            allowed = np.flatnonzero(constraint.mask())
            digits = [token for token in allowed if vocabulary.pieces[token].isdigit()]
            token = int(random.choice(digits if digits and random.random() < 0.95 else allowed))
            constraint.take(token)
            said += vocabulary.pieces[token]
            assert len(said) < 4000
        assert all(value is None or abs(value) < float("inf") for value in json.loads(said))


def test_a_string_may_hold_any_number_of_digits(vocabulary: Vocabulary, grammars: Grammars) -> None:
    account = json.dumps({"account": "61109010140000071219812874", "quote": 'a"1'})
    assert accepts(grammars.json_schema({"type": "object"}, "p").start(), vocabulary, account)


def test_digits_that_a_schema_demands_are_written(vocabulary: Vocabulary, grammars: Grammars) -> None:
    long: Schema = {"type": "integer", "minimum": 10**17, "maximum": 10**17 + 9}
    assert accepts(grammars.json_schema(long, "p").start(), vocabulary, "100000000000000007")


def test_a_compiled_grammar_is_kept_and_answers_are_independent(vocabulary: Vocabulary, grammars: Grammars) -> None:
    first = grammars.json_schema(CITY, "p")
    assert grammars.json_schema(dict(CITY), "p") is first
    one, other = first.start(), first.start()
    begin = vocabulary.encode('{"city"')[0]
    one.take(begin)
    assert other.mask()[begin]
    assert not one.mask()[begin]


def test_a_schema_cannot_change_the_layout(vocabulary: Vocabulary, grammars: Grammars) -> None:
    schema: Schema = {"type": "object", "x-guidance": {"whitespace_flexible": True, "whitespace_pattern": " +"}}
    assert not accepts(grammars.json_schema(schema, "p").start(), vocabulary, '{"a":' + " " * 50 + "1}")


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "banana"}, "banana"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"not": {"type": "string"}}, "not"),
        ({"$ref": "https://example.com/s.json"}, "example.com"),
        ({"type": "string", "minLength": 5, "maxLength": 2}, "minLength"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_name(grammars: Grammars, schema: Schema, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason) as caught:
        grammars.json_schema(schema, "response_format.json_schema.schema")
    assert caught.value.param == "response_format.json_schema.schema"


def nested(depth: int) -> str:
    return '{"type":"array","items":' * depth + "{}" + "}" * depth


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "true", "3", nested(70), nested(100_000), " " * 300_000 + "{}"])
def test_what_is_no_schema_or_too_large_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_schema(text, "tools[0].function.parameters")
    assert caught.value.param == "tools[0].function.parameters"


def test_unknown_formats_are_notes_and_known_ones_bind(vocabulary: Vocabulary, grammars: Grammars) -> None:
    schema = read_schema('{"properties":{"format":{"type":"string","format":"binary"}},"const":{"format":"odd"}}', "p")
    assert schema == {"properties": {"format": {"type": "string"}}, "const": {"format": "odd"}}
    day = read_schema('{"type":"string","format":"date"}', "p")
    assert accepts(grammars.json_schema(day, "p").start(), vocabulary, '"2026-11-22"')
    assert not accepts(grammars.json_schema(day, "p").start(), vocabulary, '"soon"')


HOSTILE: dict[str, Schema] = {
    "repetition": {"type": "array", "items": {"type": "integer"}, "minItems": 10**6},
    "long string": {"type": "string", "minLength": 10**5, "maxLength": 10**9},
    "nested repetition": {
        "type": "array",
        "minItems": 10**4,
        "items": {"type": "array", "minItems": 10**4, "items": {"type": "string"}},
    },
    "regular expression": {"type": "string", "pattern": "^(([a-z]{1,100}){1,100}){1,100}$"},
    "ambiguous expression": {"type": "string", "pattern": "^(a|a?)+(a|a?)+(a|a?)+b{0,500}(.{0,500}x){3}$"},
    "wide gap": {"type": "string", "pattern": "^.{0,30000}x.{0,30000}$"},
    "many properties": {"type": "object", "properties": {f"p{at}": {"type": "string"} for at in range(3000)}},
    "many choices": {"enum": [f"value {at}" for at in range(20_000)]},
    "all of any": {
        "allOf": [{"anyOf": [{"properties": {f"p{i}{j}": {"type": "string"}}} for j in range(8)]} for i in range(8)]
    },
    "itself": {"$ref": "#"},
    "endless": {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"], "additionalProperties": False},
    "arithmetic": {"type": "integer", "multipleOf": 7919 * 104729},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_schema_costs_little_or_is_refused(vocabulary: Vocabulary, grammars: Grammars, name: str) -> None:
    begun = time.monotonic()
    with contextlib.suppress(BadRequest):
        wander(grammars.json_schema(HOSTILE[name], "p").start(), vocabulary, 1, longest=200)
    assert time.monotonic() - begun < 15


def test_a_tokenizer_of_odd_size_is_masked_to_its_last_token(tmp_path: Path) -> None:
    text = (write_folder(tmp_path, special=("<a>", "<b>", "<c>")) / "tokenizer.json").read_text(encoding="utf-8")
    words = Vocabulary(text)
    end = words.control("<c>") or 0
    assert words.size % 8 != 0
    constraint = Grammars(text, words.pieces, frozenset([end])).json_schema({"const": 1}, "p").start()
    assert constraint.mask().shape == (words.size,)
    constraint.take(words.encode("1")[0])
    assert constraint.complete
    assert constraint.stopped or constraint.mask()[end]


@pytest.mark.parametrize("tokens", [24, 25, 26, 40, 100, 170, 300])
def test_a_list_that_would_never_end_is_complete_when_the_tokens_are_spent(
    grammars: Grammars, vocabulary: Vocabulary, tokens: int
) -> None:
    words: Schema = {"type": "array", "items": {"type": "string"}}
    said = _hurried(grammars, vocabulary, _object_of(words=words, sure={"type": "boolean"}), '"sun", ', tokens)
    jsonschema_rs.validate(_object_of(words=words, sure={"type": "boolean"}), json.loads(said))
    assert len(said) > tokens / 2


@pytest.mark.parametrize("tokens", [60, 90, 200])
def test_nothing_is_begun_that_cannot_be_completed_in_time(
    grammars: Grammars, vocabulary: Vocabulary, tokens: int
) -> None:
    item = _object_of(
        kind={"enum": ["north-north-east", "south"]}, at={"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}
    )
    schema: Schema = {"type": "array", "items": item}
    said = _hurried(grammars, vocabulary, schema, '{"kind": "south", "at": "AB-1"}, ', tokens, opening="[")
    jsonschema_rs.validate(schema, json.loads(said))


def test_what_cannot_be_completed_at_all_ends_where_the_tokens_end(grammars: Grammars, vocabulary: Vocabulary) -> None:
    said = _hurried(grammars, vocabulary, _object_of(word={"type": "string", "minLength": 50}), "x", 20)
    assert said.startswith('{"word"')


def _object_of(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _hurried(
    grammars: Grammars, vocabulary: Vocabulary, schema: Schema, again: str, tokens: int, opening: str = '{"words": ['
) -> str:
    """What is said in so many tokens by a model that repeats itself wherever the grammar lets it."""
    constraint = grammars.json_schema(schema, "schema").start()
    wanted = vocabulary.encode(opening + again * tokens)
    said = b""
    for left in range(tokens, 0, -1):
        allowed = constraint.mask()
        liked = wanted[0] if wanted and allowed[wanted[0]] else int(np.flatnonzero(allowed)[0])
        token = constraint.in_time(liked, left)
        wanted = wanted[1:] if wanted and token == wanted[0] else []
        said += vocabulary.pieces[token]
        constraint.take(token)
        if constraint.stopped:
            break
    return said.decode()
