"""Values to bytes and back, beside msgspec alone, pickle, orjson and cashews; and what a frame adds.

Runs without a server, and alone: ``python -m benchmarks wire``. What is not installed is left out.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, TypeAdapter

from freshly.wire.codec import codec_for
from freshly.wire.envelope import Wire
from freshly.wire.frame import Frame, Mark

from ..options import Adapters, Options
from ..report import Tables
from ..timing import Case, calls, compare

KEY = "a key for measurements, known to everybody"
NAME = b"fr:{shop:app.users.get_user(user_id=7)}:v"
BARE = ".msgspec alone"

Coder = tuple[Callable[[Any], Any], Callable[[Any], Any]]


@dataclass
class Post:
    id: int
    title: str
    at: datetime
    score: float
    tags: list[str]
    uid: UUID


@dataclass
class User:
    id: int
    name: str
    posts: list[Post]


class PostModel(BaseModel):
    id: int
    title: str
    at: datetime
    score: float
    tags: list[str]
    uid: UUID


class UserModel(BaseModel):
    id: int
    name: str
    posts: list[PostModel]


def _posts(cls: Any) -> list[Any]:
    born = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        cls(id=n, title=f"post {n}", at=born, score=1.5, tags=["a", "b"], uid=UUID(int=n))
        for n in range(20)
    ]


#: What is measured: an annotation, and a value of it.
VALUES: dict[str, tuple[Any, Any]] = {
    "a small dict": (dict[str, Any], {"id": 7, "name": "Ada", "roles": ["admin"], "score": 1.5}),
    "20 dicts, no annotation": (Any, [{"id": n, "title": f"post {n}", "ok": True} for n in range(20)]),
    "a dataclass with 20 others": (User, User(7, "Ada", _posts(Post))),
    "a pydantic model with 20 others": (
        UserModel,
        UserModel(id=7, name="Ada", posts=_posts(PostModel)),
    ),
    "20 tuples with dates, no annotation": (Any, [(n, datetime(2026, 1, 1), {n}) for n in range(20)]),  # noqa: DTZ001
}

#: A frame with three tags on one bucket, as a store writes it.
FRAME = Frame(
    schema=b"schema 8",
    born=1_764_000_000_123,
    early=3_600_000,
    stale=3_600_000,
    expires=3_600_000,
    dead=3_600_000,
    load_ms=12,
    marks=(Mark(0, b"twelve bytes", 123_456, ("users", "user:7", "posts")),),
    etag=None,
    payload=b"",
)
TAG_BYTES = sum(len(tag) for tag in FRAME.marks[0].tags)


async def run(adapters: Adapters, options: Options) -> Tables:
    tables: Tables = {}
    for name, (annotation, value) in VALUES.items():
        tables |= await _value(name, annotation, value, options)
    return tables | await _frame(options) | await _protections(options)


# -- values ----------------------------------------------------------------------------------------


async def _value(name: str, annotation: Any, value: Any, options: Options) -> Tables:
    coders = _coders(annotation, value)
    sizes = {each: f"{len(encode(value))} bytes" for each, (encode, _) in coders.items()}
    encoding = [Case(each, calls(encode, [value]), sizes[each]) for each, (encode, _) in coders.items()]
    decoding = [
        Case(each, calls(decode, [encode(value)]), _comes_back(encode, decode, value))
        for each, (encode, decode) in coders.items()
    ]
    unit = BARE if BARE in coders else ".pickle"
    rounds = options.rounds_or(21)
    return {
        f"{name}: encode": await compare(encoding, unit, rounds=rounds),
        f"{name}: decode": await compare(decoding, unit, rounds=rounds),
    }


def _comes_back(encode: Callable[[Any], Any], decode: Callable[[Any], Any], value: Any) -> str:
    back = decode(encode(value))
    if back == value and repr(back) == repr(value):
        return ""
    return f"another value comes back: {type(back).__name__} {back!r}"[:60]


def _coders(annotation: Any, value: Any) -> dict[str, Coder]:
    codec = codec_for(annotation)
    wire = Wire()
    found: dict[str, Coder] = {
        "freshly": (codec.encode, codec.decode),
        "freshly, framed": (
            lambda value: wire.pack(FRAME._replace(payload=codec.encode(value)), NAME),
            lambda data: codec.decode(_payload(wire.unpack(data, NAME))),
        ),
        ".pickle": (lambda value: pickle.dumps(value, 5), pickle.loads),
    }
    adds: list[Callable[[Any, Any], dict[str, Coder]]] = [_msgspec, _pydantic, _orjson, _cashews]
    for add in adds:
        found |= add(annotation, value)
    return found


def _payload(frame: Frame | None) -> bytes:
    assert frame is not None
    return frame.payload


def _msgspec(annotation: Any, value: Any) -> dict[str, Coder]:
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(annotation).decode
    try:
        decode(encode(value))
    except (TypeError, msgspec.MsgspecError):  # it knows no pydantic models
        return {}
    return {BARE: (encode, decode)}


def _pydantic(annotation: Any, value: Any) -> dict[str, Coder]:
    if not isinstance(value, BaseModel):
        return {}
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    return {"pydantic's JSON": (adapter.dump_json, adapter.validate_json)}


def _orjson(annotation: Any, value: Any) -> dict[str, Coder]:
    orjson = _module("orjson")
    if orjson is None or isinstance(value, BaseModel):
        return {}

    def encode(value: Any) -> bytes:
        return orjson.dumps(value, default=list)  # type: ignore[no-any-return]

    return {"orjson": (encode, orjson.loads)}


def _cashews(annotation: Any, value: Any) -> dict[str, Coder]:
    if _module("cashews") is None:
        return {}
    serialize, picklers = import_module("cashews.serialize"), import_module("cashews.picklers")

    def coder(secret: str | None) -> Coder:
        serializer = serialize.Serializer()
        serializer.set_pickler(picklers.Pickler())
        if secret is not None:
            serializer.set_signer(serialize.HashSigner(secret))
        return (
            lambda value: _finish(serializer.encode(None, "user:7", value, None)),
            lambda data: _finish(serializer.decode(None, "user:7", data, None)),
        )

    return {"cashews": coder(None), "cashews, signed (md5)": coder(KEY)}


def _finish(coroutine: Any) -> Any:
    """Step a coroutine that waits for nothing to its end: the cheapest way there is."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("it waited")


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


# -- frames ----------------------------------------------------------------------------------------


async def _frame(options: Options) -> Tables:
    """What a frame adds to the bytes and the time of a bare value."""
    _, value = VALUES["a small dict"]
    payload = msgspec.msgpack.encode(value)
    wire, frame = Wire(), FRAME._replace(payload=payload)
    data = wire.pack(frame, NAME)
    added = len(data) - len(payload) - TAG_BYTES
    cases = [
        Case(BARE, calls(msgspec.msgpack.Encoder().encode, [value]), f"{len(payload)} bytes"),
        Case(
            "pack", calls(lambda frame: wire.pack(frame, NAME), [frame]), f"adds {added} bytes + tags"
        ),
        Case("unpack", calls(lambda data: wire.unpack(data, NAME), [data])),
    ]
    rows = await compare(cases, BARE, rounds=options.rounds_or(31))
    return {"a frame around a small dict, three tags": rows}


async def _protections(options: Options) -> Tables:
    _, value = VALUES["a dataclass with 20 others"]
    frame = FRAME._replace(payload=msgspec.msgpack.encode(value))
    wires = {
        ".no protection": Wire(),
        "zstd": Wire(compression="zstd"),
        "signed, blake2b": Wire(signing_keys=KEY),
        "signed, hmac-sha256": Wire(signing_keys=KEY, signature="hmac-sha256"),
        "encrypted": Wire(encryption_keys=KEY),
        "zstd, encrypted, signed": Wire(compression="zstd", encryption_keys=KEY, signing_keys=KEY),
    }
    packing = [Case(name, *_packing(wire, frame)) for name, wire in wires.items()]
    unpacking = [Case(name, _unpacking(wire, frame)) for name, wire in wires.items()]
    rounds = options.rounds_or(21)
    return {
        "pack the dataclass": await compare(packing, ".no protection", rounds=rounds),
        "unpack the dataclass": await compare(unpacking, ".no protection", rounds=rounds),
    }


def _packing(wire: Wire, frame: Frame) -> tuple[Any, str]:
    return calls(lambda frame: wire.pack(frame, NAME), [frame]), f"{len(wire.pack(frame, NAME))} bytes"


def _unpacking(wire: Wire, frame: Frame) -> Any:
    return calls(lambda data: wire.unpack(data, NAME), [wire.pack(frame, NAME)])
