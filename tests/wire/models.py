"""Classes of a user, one for each way of declaring fields and each thing that makes one odd."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pydantic

T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    ONE = "1"


class Mixed(Enum):
    ONE = 1
    TEXT = "1"
    PAIR = (1, 2)


class Right(Flag):
    READ = 1
    WRITE = 2


class Bits(IntFlag):
    A = 1
    B = 4


@dataclass
class Post:
    id: int
    title: str
    at: datetime
    day: date | None = None
    tags: list[str] = field(default_factory=list)
    price: Decimal = Decimal("1.50")


@dataclass(frozen=True, slots=True)
class Spot:
    x: int
    y: float = 0.0


@dataclass
class Node:
    name: str
    children: list[Node] = field(default_factory=list)
    parent: Node | None = None


@dataclass
class Box(Generic[T]):
    content: T
    more: list[T] = field(default_factory=list)


@dataclass
class Counting:
    """Not idempotent: made anew by its constructor it would count on."""

    count: int
    step: InitVar[int] = 1

    def __post_init__(self, step: int) -> None:
        self.count += step
        self.beside = "set beside the fields"


@dataclass
class Squared:
    side: int

    @cached_property
    def area(self) -> int:
        return self.side**2


@dataclass
class Loose:
    whatever: Any
    pairs: dict[str, Any]


class Pair(NamedTuple):
    left: int
    right: str = ""


class Row(TypedDict):
    id: int
    name: str
    at: NotRequired[datetime]


@attrs.define
class Seat:
    row: int
    number: int = 1


@attrs.define
class Secretive:
    _key: str
    size: int = attrs.field(default=1, validator=attrs.validators.gt(0))


class Struct(msgspec.Struct):
    id: int
    at: datetime
    uid: UUID | None = None


class Cat(msgspec.Struct, tag=True, frozen=True):
    name: str


class Dog(msgspec.Struct, tag=True, rename="camel", omit_defaults=True):
    dog_name: str
    good: bool = True


class Limited(msgspec.Struct):
    age: Annotated[int, msgspec.Meta(ge=0)]


class Hooked(msgspec.Struct):
    n: int

    def __post_init__(self) -> None:
        self.n += 1


class Model(pydantic.BaseModel):
    id: int
    name: str = "x"
    at: datetime | None = None
    took: timedelta = timedelta(0)
    tags: frozenset[str] = frozenset()


class Account(pydantic.BaseModel):
    """What TypeAdapter alone would not bring back."""

    model_config = pydantic.ConfigDict(extra="allow")

    owner: Model
    password: pydantic.SecretStr
    site: pydantic.HttpUrl | None = None
    limit: int = pydantic.Field(default=1, alias="Limit", ge=0)
    hidden: str = pydantic.Field(default="h", exclude=True)
    _token: str = pydantic.PrivateAttr(default="t")

    @pydantic.field_validator("limit")
    @classmethod
    def _more(cls, value: int) -> int:
        return value + 1

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def title(self) -> str:
        return self.owner.name.title()


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Page(pydantic.BaseModel, Generic[T]):
    rows: list[T]
    next: int | None = None


class Bird(pydantic.BaseModel):
    kind: Literal["bird"] = "bird"
    wings: int


class Fish(pydantic.BaseModel):
    kind: Literal["fish"] = "fish"
    fins: int


@dataclass
class Team:
    """Models within a dataclass."""

    name: str
    members: list[Model]
    lead: Model | None = None


class Chain(pydantic.BaseModel):
    id: int
    next: Chain | None = None


@dataclass
class Left:
    a: int


@dataclass
class Right2:
    a: int
