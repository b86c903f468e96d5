"""Views without memory show what NumPy's views show."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tsc.dims import SizeEnvironment
from tsc.ops import views
from tsc.ops.index_views import IndexView

Array = np.ndarray[Any, Any]


def shown(view: IndexView, source: Array) -> Array:
    """The elements of `source` that a view of it shows."""
    result = np.empty(view.shape, source.dtype)
    for place in np.ndindex(*view.shape):
        at = list(view.starts)
        for index, step in zip(place, view.strides, strict=True):
            for dim, distance in step.along:
                at[dim] += index * distance
        result[place] = source[tuple(at)]
    return result


def taken(random_: random.Random, x: Any) -> Any:
    """A random view of `x`, an array or a view without memory: the same one for the same seed."""
    n = x.ndim
    dim = random_.randrange(n) if n else 0
    other = random_.randrange(n) if n else 0
    size = int(x.shape[dim]) if n else 1
    choices = [
        lambda: views.transpose(x, dim, other),
        lambda: views.unsqueeze(x, random_.randrange(n + 1)),
        lambda: views.squeeze(x),
        lambda: views.numpy_transpose(x),
        lambda: views.slice_(x, dim, random_.randrange(size), None, random_.randint(1, 3)),
        lambda: views.slice_(x, dim, -random_.randint(1, size), None, 1),
        lambda: views.select(x, dim, random_.randrange(-size, size)),
        lambda: views.narrow(x, dim, 0, random_.randint(1, size)),
        lambda: views.unfold(x, dim, random_.randint(1, size), random_.randint(1, 2)),
        lambda: views.movedim(x, dim, other),
        lambda: views.diagonal(x, random_.randint(-1, 1), dim, other),
        lambda: views.chunk(x, 2, dim)[-1],
        lambda: views.expand(x, [3, *x.shape], False),
    ]
    needs_dims = [0, 3, 4, 5, 6, 7, 8, 9, 11]
    number = random_.randrange(len(choices))
    if (not n and number in needs_dims) or (number == 10 and dim == other):
        number = 1
    return choices[number]()


@pytest.mark.parametrize("seed", range(200))
def test_chains_of_views_show_what_numpys_show(seed: int) -> None:
    random_ = random.Random(seed)
    source = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    array: Any = source
    view: Any = IndexView.of(source.shape, source.dtype)
    for step in range(4):
        array = taken(random.Random(seed + 1000 * step), array)
        view = taken(random.Random(seed + 1000 * step), view)
        assert view.shape == array.shape
        if array.size > 2000 or 0 in array.shape:
            break
    assert np.array_equal(shown(view, source), array)
    del random_


def test_views_of_symbolic_sizes_ask_only_what_they_must() -> None:
    environment = SizeEnvironment()
    n: Any = environment.symbol(6)
    m: Any = environment.symbol(9)
    x: Any = IndexView.of((n, m, 4), np.dtype(np.float32))
    views.transpose(x, 0, 1)
    views.expand(views.unsqueeze(x, 1), [n, 3, m, 4], False)
    last = views.select(x, 1, -1)
    assert last.shape[0].same(n)
    assert last.starts[1].same(m - 1)
    assert views.slice_(x, 0, None, None, 1).shape[0].same(n)
    assert not environment.guards
    assert views.slice_(x, 0, 1, None, 1).shape[0].same(n - 1)
    assert [str(g) for g in environment.guards.values()] == ["s0 >= 2"]
