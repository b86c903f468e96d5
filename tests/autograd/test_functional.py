# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""`tsc.autograd.functional` beside PyTorch's: values, flags and refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tsc
from tests.autograd.test_gradients import assert_same

FUNCTIONS: dict[str, Any] = {
    "constant": lambda torch, x: torch.tensor([1.0, 2.0], requires_grad=True),
    "apart": lambda torch, x: torch.tensor([1.0, 2.0]),
    "no tensor": lambda torch, x: 3,
    "linear": lambda torch, x: x.sum(),
    "elementwise": lambda torch, x: x.exp(),
    "square": lambda torch, x: (x * x).sum(),
    "two results": lambda torch, x: (x.exp(), x),
    "nothing": lambda torch, x: x * 0.0,
    "mixed": lambda torch, x: (x.exp() * x.sin()).sum(),
    "matrix": lambda torch, x: x.view(1, 2) @ x.view(2, 1),
}
PRODUCTS = ("vjp", "jvp", "vhp", "hvp")
NAMES = (*PRODUCTS, "jacobian", "hessian")


def seen(library: Any, name: str, function: Any, *given: Any, **options: Any) -> Any:
    """What is given, or the refusal."""
    try:
        return getattr(library.autograd.functional, name)(
            lambda *xs: function(library, *xs), *given, **options
        )
    except (RuntimeError, TypeError, AssertionError) as error:
        told = str(error).splitlines()[0]
        return [isinstance(error, kind) for kind in (AssertionError, TypeError, NotImplementedError)], told


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_pytorchs(name: str, function: str) -> None:
    for strict in (False, True):
        for create_graph in (False, True):
            for vector in ([1.0, 3.0], 2.0):
                found: list[Any] = []
                for library in (tsc, torch):
                    x, v = library.tensor([0.5, -2.0], requires_grad=True), library.tensor(vector)
                    given = (x, v) if name in PRODUCTS else (x,)
                    options = {"strict": strict, "create_graph": create_graph}
                    found.append(seen(library, name, FUNCTIONS[function], *given, **options))
                assert_same(*found)


@pytest.mark.parametrize("name", NAMES)
def test_several_inputs_and_bad_ones(name: str) -> None:
    found: dict[Any, list[Any]] = {tsc: [], torch: []}
    for library, results in found.items():
        x, n = library.tensor([0.5, -2.0]), library.tensor(2.0)
        product = lambda torch, a, b: (a * b * b).sum()  # noqa: E731
        some: list[Any] = [
            ((x, x), (x, x)),
            ((x, x), (x, n)),
            (3, x),
            ((x, 3), x),
            (x, (x, x)),
            (x, None),
            (n, None),
        ]
        for inputs, vector in some:
            given = (inputs, vector) if name in PRODUCTS else (inputs,)
            function = product if isinstance(inputs, tuple) else FUNCTIONS["square"]
            results.append(seen(library, name, function, *given))
    assert_same(found[tsc], found[torch])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("jacobian", {"strict": True, "vectorize": True}),
        ("jacobian", {"vectorize": True}),
        ("jacobian", {"strategy": "forward-mode"}),
        ("jacobian", {"strategy": "sideways"}),
        ("jacobian", {"strategy": "forward-mode", "vectorize": True}),
        ("hessian", {"outer_jacobian_strategy": "forward-mode"}),
        ("hessian", {"outer_jacobian_strategy": "sideways"}),
        ("hessian", {"vectorize": True}),
    ],
)
def test_ways_to_compute_them_change_nothing(name: str, options: dict[str, Any]) -> None:
    found = [
        seen(library, name, FUNCTIONS["square"], library.tensor([0.5, -2.0]), **options)
        for library in (tsc, torch)
    ]
    assert_same(*found)


def test_a_hessian_is_differentiated_once_more() -> None:
    found: list[Any] = []
    for library in (tsc, torch):
        x = library.tensor([0.5, -2.0], requires_grad=True)
        library.autograd.functional.hessian(lambda x: (x**3).sum(), x, create_graph=True).sum().backward()
        found.append(x.grad)
    assert_same(*found)
