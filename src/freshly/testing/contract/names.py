"""Keys and tags are any text. No two of them are one, and none means anything to a store."""

from __future__ import annotations

from ...core.ports import Store
from ...errors import FreshlyError
from .bench import NOTHING, Bench, story

#: Texts that some store, protocol or pattern takes for more than a text.
ODD_NAMES = (
    "plain",
    "Plain",
    "plain ",
    "user:1",
    "user:1:",
    "user::1",
    "user|1",
    "user,1",
    "user#1",
    "user/1",
    "{user}:1",
    "{user:1}",
    "{}",
    "{}user",
    "}{",
    "*",
    "?",
    "[ab]",
    "[!ab]",
    "user*",
    "back\\slash",
    "\\*",
    "quote'\"",
    "new\nline",
    "new\r\nline",
    "tab\there",
    "nul",
    "nul\0inside",
    "\0",
    " ",
    "naïve",
    "nai\u0308ve",  # the same to the eye, and another text
    "日本語",
    "emoji 🦉",
    "‮right to left",
    "!",
    "@",
    "_",
    "%",
    "^",
    "~",
    "0",
    "-1",
    "None",
    "h:tag",
    "k:key",
)

#: Longer than any limit of a header, an identifier or a line.
LONG = 20_000


class Names(Bench):
    """Odd, long and lookalike keys and tags."""

    @story
    async def test_odd_keys_are_kept_apart(self, store: Store) -> None:
        for number, name in enumerate(ODD_NAMES):
            await self.load(store, name, number)

        assert await self.values(store, *ODD_NAMES) == list(range(len(ODD_NAMES)))

    @story
    async def test_an_odd_key_is_deleted_alone(self, store: Store) -> None:
        for name in ODD_NAMES:
            await self.load(store, name)

        for place, name in enumerate(ODD_NAMES, 1):
            assert await self.value(store, name) == "value", f"before delete({name!r})"
            assert await store.delete([name]) == 1, f"delete({name!r})"
            assert await self.value(store, name) is NOTHING, f"after delete({name!r})"
            expected = [NOTHING] * place + ["value"] * (len(ODD_NAMES) - place)
            assert await self.values_at_once(store, *ODD_NAMES) == expected, f"after delete({name!r})"

    @story
    async def test_odd_tags_are_invalidated_alone(self, store: Store) -> None:
        keys = [f"key {number}" for number in range(len(ODD_NAMES))]
        for key, name in zip(keys, ODD_NAMES, strict=True):
            await self.load(store, key, tags=[name])

        for place, name in enumerate(ODD_NAMES, 1):
            assert await self.value(store, keys[place - 1]) == "value", f"before invalidate({name!r})"
            await store.invalidate([name])
            assert await self.value(store, keys[place - 1]) is NOTHING, f"after invalidate({name!r})"
            expected = [NOTHING] * place + ["value"] * (len(ODD_NAMES) - place)
            assert await self.values_at_once(store, *keys) == expected, f"after invalidate({name!r})"

    @story
    async def test_a_key_and_a_tag_of_one_name_are_two_things(self, store: Store) -> None:
        await self.load(store, "name", "by key")
        await self.load(store, "other", "by tag", tags=["name"])

        await store.invalidate(["name"])
        assert await self.values(store, "name", "other") == ["by key", NOTHING]

        await self.load(store, "other", "by tag", tags=["name"])
        await store.delete(["name"])
        assert await self.values(store, "name", "other") == [NOTHING, "by tag"]

    @story
    async def test_long_names_are_told_apart_at_their_ends(self, store: Store) -> None:
        one, other = "x" * LONG + "1", "x" * LONG + "2"
        await self.load(store, one, 1, tags=[one])
        await self.load(store, other, 2, tags=[other])
        assert await self.values(store, one, other) == [1, 2]

        await store.invalidate([one])
        assert await self.values(store, one, other) == [NOTHING, 2]
        await store.delete([other])
        assert await self.values(store, one, other) == [NOTHING, NOTHING]

    @story
    async def test_a_lone_surrogate_is_refused_or_kept_like_any_letter(self, store: Store) -> None:
        """It has no bytes in UTF-8. A store may refuse it, with an error that says so; but it may not
        take it for another text, nor raise what only its own encoder knows."""
        high, low, mark = "a\ud800", "a\udfff", "a?"
        await self.load(store, mark, "of the question mark", tags=[mark])
        try:
            await self.load(store, high, "of the high one", tags=[high])
            await self.load(store, low, "of the low one", tags=[low])
        except FreshlyError:
            return

        found = await self.values(store, high, low, mark)
        assert found == ["of the high one", "of the low one", "of the question mark"]
        await store.invalidate([high])
        assert await self.values(store, high, low, mark) == [NOTHING, *found[1:]]
