"""Keys of specializations in which sizes have names."""

from __future__ import annotations

import pytest

from tsc.compiler.sizes import Naming, Sizes, SymbolicKey, named, skeleton
from tsc.errors import CodegenError


def test_sizes_are_told_from_all_other_numbers() -> None:
    key = ("2x3xf32", "int:4", "str:4x4", "[5xsi64;6x7xf16]", "{str:a2x=8xf32}", "si64", "float:2.0")
    assert skeleton(key)[1] == [2, 3, 5, 6, 7, 8]
    assert skeleton(("2x3xf32",))[0] == skeleton(("4x5xf32",))[0]
    assert skeleton(("2x3xf32",))[0] != skeleton(("2x3xf64",))[0]
    assert skeleton(("2x3xf32",))[0] != skeleton(("2xf32",))[0]


def test_sizes_that_differ_get_names() -> None:
    seen = [("2x8xf32", "8xf32"), ("3x8xf32", "8xf32"), ("2x8xf64", "9xf32")]
    assert named(("4x8xf32", "8xf32"), seen) == (("s0x8xf32", "8xf32"), {"s0": 4})
    assert named(("2x9xf32", "9xf32"), seen) == (("s0xs1xf32", "s2xf32"), {"s0": 2, "s1": 9, "s2": 9})


def test_a_one_is_not_what_symbols_are_taken_for() -> None:
    assert named(("1x8xf32",), [("5x8xf32",)]) == (("s0x8xf32",), {"s0": 5})


def test_of_a_new_kind_all_sizes_get_names_but_ones() -> None:
    first = Naming(names_first=True)
    assert named(("4x1x8xf32",), [], first) == (("s0x1xs1xf32",), {"s0": 4, "s1": 8})
    assert named(("1xf32", "int:3"), [], first) is None
    assert named(("4x1x8xf32",), [("4x1x8xf64",)]) is None


def test_the_last_names_are_for_all_sizes() -> None:
    key, seen = ("4x1x8xf32",), [("5x1x8xf32",)]
    assert named(key, seen) == (("s0x1x8xf32",), {"s0": 4})
    assert named(key, seen, Naming(names_all=True)) == (("s0x1xs1xf32",), {"s0": 4, "s1": 8})
    weights = ("8x8xf32", *key), [("8x8xf32", *seen[0])]
    assert named(*weights, Naming(names_all=True)) == (("8x8xf32", "s0x1xs1xf32"), {"s0": 4, "s1": 8})


def test_empty_dims_get_none() -> None:
    assert named(("0x4xf32",), [("3x5xf32",)]) == (("0xs0xf32",), {"s0": 4})


@pytest.mark.parametrize(
    ("call", "fits"),
    [
        (("4x8xf32", "8xf32"), True),
        (("9x2xf32", "2xf32"), True),
        (("9x2xf32", "3xf32"), False),  # an equation
        (("2x2xf32", "2xf32"), False),  # an inequation
        (("0x8xf32", "8xf32"), False),
        (("4x8xf64", "8xf32"), False),
        (("4x8x1xf32", "8xf32"), False),
    ],
)
def test_a_call_fits_where_all_that_was_found_out_holds(call: tuple[str, ...], fits: bool) -> None:
    sizes = Sizes.of({"s0": 4, "s1": 8, "s2": 8})
    assert sizes.values["s1"] == sizes.values["s2"]
    sizes = sizes.narrowed(sizes.environment.solved())
    assert sizes.values["s0"] > 2
    assert SymbolicKey(("s0xs1xf32", "s2xf32"), sizes).fits(call) is fits


def test_equations_end_a_compilation() -> None:
    sizes = Sizes.of({"s0": 4, "s1": 8})
    sizes.require_free()
    assert sizes.values["s1"] == 2 * sizes.values["s0"]
    with pytest.raises(Exception, match=r"s1 = 2\*s0") as caught:
        sizes.require_free()
    assert not isinstance(caught.value, CodegenError)
    again = sizes.narrowed(sizes.environment.solved())
    again.require_free()
    assert str(again.values["s1"]) == "2*s0"
    assert not again.is_fixed
    assert again.values["s0"] == 4
    assert again.narrowed(again.environment.solved()).is_fixed
