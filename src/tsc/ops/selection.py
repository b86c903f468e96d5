"""Which of equal elements `topk` takes, and in which order: what the algorithms behind PyTorch's do.

PyTorch leaves it open, and programs notice all the same. Its CPU kernel selects with ``partial_sort`` (few
elements of many) or ``nth_element`` and ``sort`` of the C++ library; these are those of GCC's libstdc++:
introselect and introsort (Musser, "Introspective Sorting and Selection Algorithms", 1997).
"""

from __future__ import annotations

from collections.abc import Sequence

FEW = 64
"""``partial_sort`` is taken for at most one element of so many."""
SHORT = 16
"""Pieces up to this length are left to insertion."""


def selected(ranks: Sequence[int], count: int, in_order: bool) -> list[int]:
    """The places of the `count` elements of the lowest rank, as PyTorch's `topk` gives them."""
    if not count:
        return []
    items = _Items(ranks)
    if count * FEW <= len(ranks):
        items.partial_sort(0, count, len(ranks))
    else:
        items.nth_element(0, count - 1, len(ranks))
        if in_order:
            items.sort(0, count - 1)
    return items.places[:count]


class _Items:
    """Places in an order that algorithms change; each compares by its rank alone."""

    def __init__(self, ranks: Sequence[int]) -> None:
        self.ranks = ranks
        self.places = list(range(len(ranks)))

    def _less(self, a: int, b: int) -> bool:
        """Whether what stands at `a` is before what stands at `b`."""
        return self.ranks[self.places[a]] < self.ranks[self.places[b]]

    def _swap(self, a: int, b: int) -> None:
        self.places[a], self.places[b] = self.places[b], self.places[a]

    # --- heaps ---

    def partial_sort(self, first: int, middle: int, last: int) -> None:
        """The lowest ``middle - first`` in front, sorted."""
        self._heap_select(first, middle, last)
        for end in range(middle - 1, first, -1):
            self._pop(first, end, end)

    def _heap_select(self, first: int, middle: int, last: int) -> None:
        size = middle - first
        for parent in range((size - 2) // 2, -1, -1) if size > 1 else ():
            self._sift(first, parent, size, self.places[first + parent])
        for at in range(middle, last):
            if self._less(at, first):
                self._pop(first, middle, at)

    def _pop(self, first: int, last: int, result: int) -> None:
        value = self.places[result]
        self.places[result] = self.places[first]
        self._sift(first, 0, last - first, value)

    def _sift(self, first: int, hole: int, size: int, value: int) -> None:
        """Let the hole sink to a leaf, then `value` rise from there."""
        top, child, places = hole, hole, self.places
        while child < (size - 1) // 2:
            child = 2 * (child + 1)
            if self._less(first + child, first + child - 1):
                child -= 1
            places[first + hole] = places[first + child]
            hole = child
        if size % 2 == 0 and child == (size - 2) // 2:
            child = 2 * (child + 1)
            places[first + hole] = places[first + child - 1]
            hole = child - 1
        parent = (hole - 1) // 2
        while hole > top and self.ranks[places[first + parent]] < self.ranks[value]:
            places[first + hole] = places[first + parent]
            hole = parent
            parent = (hole - 1) // 2
        places[first + hole] = value

    # --- partitions ---

    def nth_element(self, first: int, nth: int, last: int) -> None:
        """What a sort would put at `nth` is there, what comes before it in front."""
        depth = 2 * _log2(last - first)
        while last - first > 3:
            if not depth:
                self._heap_select(first, nth + 1, last)
                self._swap(first, nth)
                return
            depth -= 1
            cut = self._partition(first, last)
            first, last = (cut, last) if cut <= nth else (first, cut)
        self._insert_all(first, last)

    def sort(self, first: int, last: int) -> None:
        """All in order."""
        if first == last:
            return
        self._sort_coarsely(first, last, 2 * _log2(last - first))
        end = min(last, first + SHORT)
        self._insert_all(first, end)
        for at in range(end, last):
            self._insert(at)

    def _sort_coarsely(self, first: int, last: int, depth: int) -> None:
        while last - first > SHORT:
            if not depth:
                self.partial_sort(first, last, last)
                return
            depth -= 1
            cut = self._partition(first, last)
            self._sort_coarsely(cut, last, depth)
            last = cut

    def _partition(self, first: int, last: int) -> int:
        """Split around the median of three, which stands at `first`; where the second part begins."""
        self._median_to(first, first + 1, first + (last - first) // 2, last - 1)
        pivot, low, high = first, first + 1, last
        while True:
            while self._less(low, pivot):
                low += 1
            high -= 1
            while self._less(pivot, high):
                high -= 1
            if low >= high:
                return low
            self._swap(low, high)
            low += 1

    def _median_to(self, result: int, a: int, b: int, c: int) -> None:
        low, high = (a, b) if self._less(a, b) else (b, a)
        if self._less(high, c):
            middle = high
        elif self._less(low, c):
            middle = c
        else:
            middle = low
        self._swap(result, middle)

    # --- insertion ---

    def _insert_all(self, first: int, last: int) -> None:
        for at in range(first + 1, last):
            if self._less(at, first):
                self.places[first : at + 1] = [self.places[at], *self.places[first:at]]
            else:
                self._insert(at)

    def _insert(self, at: int) -> None:
        value = self.places[at]
        while self.ranks[value] < self.ranks[self.places[at - 1]]:
            self.places[at] = self.places[at - 1]
            at -= 1
        self.places[at] = value


def _log2(n: int) -> int:
    return n.bit_length() - 1
