"""Templates: they render as an f-string would, and what cannot be rendered is refused at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshly.core.template import Template
from freshly.errors import ConfigurationError

USER = SimpleNamespace(id=7, name="Ann", team=SimpleNamespace(name="a:b"))
ARGUMENTS = {
    "user_id": 7,
    "day": date(2024, 1, 2),
    "price": 1.5,
    "word": "a{b}é",
    "nothing": None,
    "row": {"id": 5, "a b": 6},
    "some": [3, 4],
    "user": USER,
}


def template(text: str, **options: Any) -> Template:
    return Template(text, option="tags", names=ARGUMENTS, **options)


# -- rendering ------------------------------------------------------------------------------------

# Each field with the expression that an f-string has in its place.
fields = st.sampled_from(
    [(name, name) for name in ARGUMENTS]
    + [
        ("user.id", "user.id"),
        ("user.team.name", "user.team.name"),
        ("row[id]", "row['id']"),
        ("row[a b]", "row['a b']"),
        ("some[0]", "some[0]"),
        ("user.team.name[0]", "user.team.name[0]"),
    ]
)
conversions = st.sampled_from(["", "!r", "!s", "!a"])
specs = st.sampled_from(["", ":", ":>12", ":*^9"])
literals = st.text(alphabet="ab:{}[]!.'\" \\é", max_size=4)
by_conversion = st.tuples(fields, conversions.filter(bool), specs)
# format() of a dict or an object takes no spec.
plain = st.tuples(fields, st.just(""), st.sampled_from(["", ":"]))
with_spec = st.sampled_from(
    [("user_id", ":04d"), ("user_id", ":x"), ("price", ":.3f"), ("day", ":%Y-%m"), ("word", ":.2")]
).map(lambda pair: ((pair[0], pair[0]), "", pair[1]))


@given(st.lists(st.tuples(literals, by_conversion | plain | with_spec), min_size=1, max_size=4))
def test_a_template_renders_exactly_as_an_f_string(pieces: list[Any]) -> None:
    written, expected = "", ""
    for literal, ((path, expression), conversion, spec) in pieces:
        written += literal.replace("{", "{{").replace("}", "}}") + f"{{{path}{conversion}{spec}}}"
        expected += literal + eval(f'f"{{{expression}{conversion}{spec}}}"', dict(ARGUMENTS))

    assert template(written).render(ARGUMENTS) == expected


def test_the_guides_templates_meet_its_f_strings() -> None:
    user_id, page = 123, 1
    key = Template("user:{user_id}:posts:{page}", option="key", names=["user_id", "page"])

    assert key.render({"user_id": user_id, "page": page}) == f"user:{user_id}:posts:{page}"


def test_a_text_without_fields_is_itself() -> None:
    assert template("users").render({}) == "users"
    assert template("{{user}}").render({}) == "{user}"


def test_a_template_tells_the_names_it_uses() -> None:
    both = template("{user.id}:{some[0]}:{user.name}:{result.id}", result=True)

    assert both.text == "{user.id}:{some[0]}:{user.name}:{result.id}"
    assert both.names == {"user", "some"}
    assert both.needs_result


# -- the result -----------------------------------------------------------------------------------


def all_of(text: str, result: Any) -> tuple[str, ...]:
    return template(text, result=True).render_all(ARGUMENTS, result)


def test_a_template_over_the_result_reads_its_attributes_and_keys() -> None:
    assert all_of("user:{result.id}", USER) == ("user:7",)
    assert all_of("team:{result.team.name}:{user_id}", USER) == ("team:a:b:7",)
    assert all_of("user:{result[id]!r:>3}", {"id": 7}) == ("user:  7",)


def test_brackets_give_one_tag_for_each_element() -> None:
    users = [USER, SimpleNamespace(id=8, name="Bob")]

    assert all_of("{user_id}:{result[].id:02}", users) == ("7:07", "7:08")
    assert all_of("n:{result[]}", [1, 2]) == ("n:1", "n:2")
    assert all_of("n:{result[][id]}", [{"id": 1}, {"id": 2}]) == ("n:1", "n:2")
    assert all_of("n:{result.users[].id}", SimpleNamespace(users=users)) == ("n:7", "n:8")
    assert all_of("n:{result[users][].id}", {"users": users}) == ("n:7", "n:8")
    assert all_of("n:{result[].id}", iter(users)) == ("n:7", "n:8")


def test_an_element_may_give_several_fields_to_its_tag() -> None:
    pairs = [("a", 1), ("b", 2)]

    assert all_of("{{{result[][0]}}}:{result[][1]}", pairs) == ("{a}:1", "{b}:2")


def test_no_elements_give_no_tags() -> None:
    assert all_of("user:{result[].id}", []) == ()


def test_a_result_that_was_not_found_gives_no_tags() -> None:
    """What was not found has no attributes; that is no error."""
    assert all_of("user:{result.id}", None) == ()
    assert all_of("user:{result[].id}", None) == ()


def test_a_template_that_does_not_need_the_result_is_rendered_without_one() -> None:
    assert all_of("user:{user_id}", None) == ("user:7",)


def test_a_parameter_called_result_goes_before_the_result() -> None:
    own = Template("n:{result.id}", option="tags", names=["result"], result=True)

    assert not own.needs_result
    assert own.names == {"result"}
    assert own.render({"result": USER}) == "n:7"
    assert own.render_all({"result": USER}, None) == ("n:7",)


# -- errors of values -----------------------------------------------------------------------------


class Broken:
    def __format__(self, spec: str) -> str:
        raise ZeroDivisionError("mine")


@pytest.mark.parametrize(
    ("text", "result", "error"),
    [
        ("{user.idd}", None, AttributeError),
        ("{row[idd]}", None, KeyError),
        ("{some[9]}", None, IndexError),
        ("{nothing:>5}", None, TypeError),
        ("{user_id:%Y}", None, ValueError),
        ("{result}", Broken(), ZeroDivisionError),
        ("{result.team.idd}", USER, AttributeError),
        ("{result[].idd}", [USER], AttributeError),
        ("{result[].id}", 7, TypeError),
        ("{result.team[].id}", SimpleNamespace(team=None), TypeError),
    ],
)
def test_an_error_of_a_value_passes_through_with_a_note(
    text: str, result: Any, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        all_of(text, result)

    assert raised.value.__notes__ == [f"while rendering the template tags={text!r}"]


# -- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "an empty template"),
        ("{}", "fields are named"),
        ("{0}", "fields are named"),
        ("{0.id}", "fields are named"),
        ("{.id}", "fields are named"),
        ("{[0]}", "fields are named"),
        ("{user", "'}'"),
        ("user}", "'}'"),
        ("{", "'{'"),
        ("{user_id:{price}}", "a field of its own"),
        ("{user_id!x}", "!x is no conversion"),
        ("{user_id!}", "unmatched"),
        ("{user..id}", "is no path"),
        ("{user.}", "is no path"),
        ("{user[0]id}", "is no path"),
        ("{some[0}", "'}'"),
        ("{user.1}", "'1' is no name of an attribute"),
        ("{user.a b}", "'a b' is no name of an attribute"),
        ("{some[]}", "each element of a result"),
        ("{result.id}:{some[]}", "each element of a result"),
        ("{result[][]}", "more than one []"),
        ("{result[].some[]}", "more than one []"),
        ("{result[].id}{result.some[].id}", "behind two paths"),
        ("{ user_id }", "' user_id ' is no parameter"),
        ("{user_id + 1}", "'user_id + 1' is no parameter"),
        ("{price=}", "did you mean 'price'?"),
    ],
)
def test_what_can_never_be_rendered_is_refused_at_once(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        template(text, result=True)

    assert str(refusal.value).startswith(f"tags={text!r}: ")
    assert why in str(refusal.value)


def test_an_unknown_name_is_refused_with_near_misses_and_what_is_allowed() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Template("user:{usr_id}", option="key", names=["user_id", "page"])

    assert str(refusal.value) == (
        "key='user:{usr_id}': 'usr_id' is no parameter of the function; did you mean 'user_id'?; "
        "it may use 'user_id', 'page'"
    )


def test_the_result_is_refused_where_there_is_none_yet() -> None:
    with pytest.raises(ConfigurationError, match="there is no result yet"):
        Template("user:{result.id}", option="key", names=["user_id"])


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="tags=7: a template is a text"):
        template(7)  # type: ignore[arg-type]


@given(st.text(alphabet="{}[].!:=a0 user_id"))
def test_a_template_is_refused_at_once_or_fails_by_its_values_only(text: str) -> None:
    try:
        made = Template(text, option="tags", names=["a", "user_id"], result=True)
    except ConfigurationError:
        return
    with suppress(AttributeError, TypeError, ValueError, LookupError):
        made.render_all({"a": 1, "user_id": "7"}, [1])
