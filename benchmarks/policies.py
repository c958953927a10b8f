"""Eviction policies in a few lines each, as yardsticks, and Belady's optimum."""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from .adapter import Access


def optimum(trace: Sequence[int], size: int) -> int:
    """Return the hits of one who knows the future (Belady 1966): what is needed last leaves, and
    that may be the key that has just come."""
    never = len(trace) + 1
    following, last = [never] * len(trace), dict[int, int]()
    for place in range(len(trace) - 1, -1, -1):
        following[place] = last.get(trace[place], never)
        last[trace[place]] = place
    kept: dict[int, int] = {}
    heap: list[tuple[int, int]] = []
    hits = 0
    for key, use in zip(trace, following, strict=True):
        hits += key in kept
        kept[key] = use
        heapq.heappush(heap, (-use, key))
        while len(kept) > size:
            latest, victim = heapq.heappop(heap)
            if kept.get(victim) == -latest:
                del kept[victim]
    return hits


def lru(size: int) -> Access:
    kept: OrderedDict[int, None] = OrderedDict()

    def access(key: int) -> bool:
        if key in kept:
            kept.move_to_end(key)
            return True
        kept[key] = None
        if len(kept) > size:
            kept.popitem(last=False)
        return False

    return access


def fifo(size: int) -> Access:
    kept: OrderedDict[int, None] = OrderedDict()

    def access(key: int) -> bool:
        if key in kept:
            return True
        kept[key] = None
        if len(kept) > size:
            kept.popitem(last=False)
        return False

    return access


def at_random(size: int) -> Access:
    chance = random.Random(1)
    places: dict[int, int] = {}
    keys: list[int] = []

    def access(key: int) -> bool:
        if key in places:
            return True
        if len(keys) < size:
            places[key] = len(keys)
            keys.append(key)
        else:
            place = chance.randrange(size)
            del places[keys[place]]
            places[key], keys[place] = place, key
        return False

    return access


def clock(size: int) -> Access:
    """Second chance: who was used goes back to the end of the queue once."""
    used: dict[int, bool] = {}
    queue: deque[int] = deque()

    def access(key: int) -> bool:
        if key in used:
            used[key] = True
            return True
        while len(used) >= size:
            oldest = queue.popleft()
            if used[oldest]:
                used[oldest] = False
                queue.append(oldest)
            else:
                del used[oldest]
        used[key] = False
        queue.append(key)
        return False

    return access


def sieve(size: int) -> Access:
    """SIEVE (Zhang et al., NSDI 2024): a queue, one bit, and a hand that stays where it stopped."""
    used: dict[int, bool] = {}
    older: dict[int, int] = {}  # key -> the next older one, 0 at the end
    newer: dict[int, int] = {}
    hand = head = tail = 0

    def leave() -> None:
        nonlocal hand, head, tail
        at = hand or tail
        while used[at]:
            used[at] = False
            at = newer[at] or tail
        hand, behind = newer[at], older[at]
        if hand:
            older[hand] = behind
        else:
            head = behind
        if behind:
            newer[behind] = hand
        else:
            tail = hand
        del used[at], older[at], newer[at]

    def access(number: int) -> bool:
        nonlocal head, tail
        key = number + 1  # 0 stands for nobody
        if key in used:
            used[key] = True
            return True
        if len(used) >= size:
            leave()
        used[key], older[key], newer[key] = False, head, 0
        if head:
            newer[head] = key
        else:
            tail = key
        head = key
        return False

    return access


POLICIES: dict[str, Callable[[int], Access]] = {
    "· LRU": lru,
    "· FIFO": fifo,
    "· random": at_random,
    "· CLOCK": clock,
    "· SIEVE": sieve,
}
