"""Operators that say what they are in Python: it does what `eager` does, and raises where that raises."""

from __future__ import annotations

import copy
import random
from itertools import product
from typing import Any

import numpy as np
import pytest

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.narrowing import is_array, is_dict, is_list
from tsc.ops.definition import Operator
from tsc.ops.number_functions import wrap64
from tsc.ops.python_forms import EAGER
from tsc.ops.registry import operators

MATRIX = np.arange(12.0).reshape(3, 4)
TENSORS = [
    np.array(2.0),
    np.arange(3),
    MATRIX,
    MATRIX.T,
    MATRIX[:, 1:3],
    np.zeros((0, 2)),
    np.ones((1, 1, 2)),
]
INTS = [0, 1, -1, 2, 3, 7, -4, 2**62, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.5, -2.0, float("inf"), float("nan"), 1e308]
STRINGS = ["", "a", "b", "a1 B,", "aa", " \n\x1f", "\u00e9a", "\u20ac", "\udcc3", "\udca9", "\x80", "{}"]
"""The lone surrogates are bytes that make no character alone, but the two do together."""
TRIES = 1500
"""Calls of each operator."""


def values_of(kind: TorchType) -> list[Any]:
    """Values of a type, usual and odd ones."""
    if isinstance(kind, tt.OptionalType):
        return [None, *values_of(kind.data)]
    if isinstance(kind, tt.ListType):
        return [[], [*values_of(kind.data)[:3]]]
    if isinstance(kind, tt.DictType):
        return [{}, dict(zip(values_of(kind.key), values_of(kind.value), strict=False))]
    if isinstance(kind, tt.TensorType):
        return TENSORS
    known: dict[Any, list[Any]] = {
        tt.INT: INTS, tt.FLOAT: FLOATS, tt.BOOL: [True, False], tt.STRING: STRINGS,
        tt.COMPLEX: [1j, 2.0 + 0j], tt.ANY: [None, 3, "a"], tt.NUMBER: [1, 2.5],
    }  # fmt: skip
    return known.get(kind, ["x", 1, None])


FORMS = sorted(
    (o for o in operators().values() if o.python is not None and not o.schema.is_variadic),
    key=lambda o: o.name,
)


def test_there_are_such_operators() -> None:
    names = {o.name for o in FORMS}
    assert {"aten::add.int", "aten::select.int", "aten::__getitem__.t", "aten::_set_item.str"} <= names


@pytest.mark.parametrize("operator", FORMS, ids=lambda o: o.name)
def test_the_text_is_the_operator(operator: Operator) -> None:
    choices = list(product(*(values_of(a.type) for a in operator.schema.arguments)))
    random.Random(operator.name).shuffle(choices)
    written = 0
    for values in choices[:TRIES]:
        for are_known in (False, True):
            written += _agrees(operator, values, are_known)
    assert written, "no call was Python"


FORMATS = ["{} of {}", "{}{}", "a", "", "{}", "{} \u20ac {}}", "'{}\n{}"]


@pytest.mark.parametrize("text", FORMATS)
def test_a_known_format_is_the_operator(text: str) -> None:
    operator = operators()["aten::format"]
    form = operator.python
    assert form is not None
    values: list[Any] = [3, "a", 2.0, None, (1, [True]), {"k": -0.5}, "\udcc3"]
    for count in range(4):
        for given in product(values, repeat=count):
            names = {f"v{i}": v for i, v in enumerate(given)}
            written = form.write(repr(text), *names, **{n: n for n in form.names})
            assert (written is not None) == (count == text.count("{}") > 0)
            if written is not None:
                assert eval(written, {**form.names, **names}) == operator.eager(text, *given)


def _agrees(operator: Operator, values: tuple[Any, ...], are_known: bool) -> bool:
    """Hold one call to `eager`; whether it has a text."""
    assert operator.python is not None
    ours, theirs = (list(copy.deepcopy(values)) for _ in range(2))
    for position, value in enumerate(values):
        if isinstance(value, np.ndarray):  # copies have other strides
            ours[position] = theirs[position] = value
    names = {f"v{i}": v for i, v in enumerate(ours)}
    form = operator.python
    extra = {**form.names, **({EAGER: operator.eager} if form.calls_eager else {})}
    text = form.write(*(_text(n, v, are_known) for n, v in names.items()), **{n: n for n in extra})
    if text is None:
        return False
    with np.errstate(all="ignore"):
        expected, refusal = _outcome(lambda: operator.eager(*theirs))
        scope: dict[str, Any] = {**extra, **names}
        if operator.schema.results and not form.gives_first:
            result, error = _outcome(lambda: eval(text, scope))
            result = wrap64(result) if form.wraps else result
        else:
            result, error = _outcome(lambda: exec(text, scope))
            result = ours[0] if form.gives_first and error is None else result
    assert (refusal is None) == (error is None), f"{text} of {values}: {error!r}, not {refusal!r}"
    if error is None:
        assert _same(result, expected), f"{text} of {values}: {result!r}, not {expected!r}"
    assert all(map(_same, ours, theirs)), f"{text} of {values} leaves {ours}, not {theirs}"
    return True


def _text(name: str, value: object, is_known: bool) -> str:
    is_literal = isinstance(value, (bool, int, float, str, type(None))) and repr(value) not in ("inf", "nan")
    return repr(value) if is_known and is_literal else name


def _outcome(call: Any) -> tuple[Any, Exception | None]:
    try:
        return call(), None
    except Exception as error:
        return None, error


def _same(a: Any, b: Any) -> bool:
    if is_array(a):
        places = (x.__array_interface__["data"][0] for x in (a, b))
        return a.shape == b.shape and a.strides == b.strides and (not a.size or len(set(places)) == 1)
    if is_list(a) or is_dict(a):
        return type(a) is type(b) and len(a) == len(b) and repr(a) == repr(b)
    return type(a) is type(b) and (a == b or (a != a and b != b)) and repr(a) == repr(b)
