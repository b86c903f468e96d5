"""The registry of derivative rules, and what they are written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Operator, require_schema

FAMILIES = (
    "elementwise", "special_functions", "reductions", "movement", "products", "windows", "gathers", "orders",
    "norms", "matrices", "losses", "decompositions", "solutions", "sampling", "statistics", "segments",
    "temporal_classification", "differences", "complex_numbers", "spectral",
)  # fmt: skip
"""The modules of this package that register rules."""

Place: TypeAlias = int | tuple[int, int]
"""A tensor among the arguments of a call: its position, or that of a list and its position in the list."""
Flow: TypeAlias = Callable[[], AnyTensor]
"""What computes the gradient of one argument, if anybody wants it."""


@dataclass(frozen=True)
class Call:
    """A call of an operator, and the gradients of what it gave."""

    aten: Aten
    operator: Operator
    arguments: Sequence[Any]
    """One value per argument of the schema."""
    results: Sequence[AnyTensor]
    """The tensors that it gave; those in a list one by one."""
    gradients: Sequence[AnyTensor | None]
    """Of each result the gradient, in its shape and dtype; None where nothing flows back."""

    @property
    def gradient(self) -> AnyTensor:
        """The gradient of the first result."""
        return self.gradient_of(0)

    def gradient_of(self, position: int) -> AnyTensor:
        """The gradient of a result: zeros where nothing flows back."""
        found = self.gradients[position]
        return self.aten("zeros_like", self.results[position]) if found is None else found

    @property
    def result(self) -> AnyTensor:
        """The first result."""
        return self.results[0]


Rule: TypeAlias = Callable[..., Mapping[Place, Flow]]
"""``rule(call, *arguments)``: for the arguments that the results depend on, what computes their gradients. A
gradient may have the shape the argument is broadcast to, and another floating dtype.
"""
RULES: dict[str, Rule] = {}
Formula: TypeAlias = Callable[..., Any]
FORMULAS: dict[str, Formula] = {}


def derivative(*names: str) -> Callable[[Rule], Rule]:
    """The decorated function is the rule of the schemas in `names`."""

    def register(rule: Rule) -> Rule:
        for name in names:
            schema = require_schema(f"aten::{name}")
            if schema.full_name in RULES:
                raise ValueError(f"{schema.full_name} has two derivatives")
            RULES[schema.full_name] = rule
        return rule

    return register


def formula(*names: str) -> Callable[[Formula], Formula]:
    """The decorated ``definition(aten, *arguments)`` gives what the schemas in `names` give, computed by
    operators that have derivatives, and None in the place of results without. Gradients flow through it.
    """

    def register(definition: Formula) -> Formula:
        for name in names:
            FORMULAS[require_schema(f"aten::{name}").full_name] = definition
        return definition

    return register


@cache
def _load_families() -> None:
    for family in FAMILIES:
        import_module(f"tsc.ops.derivatives.{family}")


def rule_of(operator: Operator) -> Rule | None:
    """The rule of an operator, where it has one of its own."""
    _load_families()
    return RULES.get(operator.name)


def formula_of(operator: Operator) -> Formula | None:
    """What an operator is computed by for its derivative, where it has such a formula."""
    _load_families()
    return FORMULAS.get(operator.name)


def sum_to(aten: Aten, gradient: AnyTensor, shape: Sequence[int]) -> AnyTensor:
    """The gradient of a tensor of `shape` that was broadcast: sums over the dims it did not have."""
    have = aten.shape(gradient)
    lead = len(have) - len(shape)
    dims = [
        i
        for i, extent in enumerate(have)
        if i < lead or (extent is not shape[i - lead] and shape[i - lead] == 1 and extent != 1)
    ]
    if not dims:
        return gradient
    if dims == list(range(lead)):
        return aten("sum.dim_IntList", gradient, dims, False, dtype=None)
    total = aten("sum.dim_IntList", gradient, dims, True, dtype=None)
    return aten("reshape", total, list(shape)) if lead else total


def expanded_back(
    aten: Aten, gradient: AnyTensor, shape: Sequence[int], dims: Sequence[int], keepdim: bool
) -> AnyTensor:
    """The gradient of what was reduced over `dims`, in the shape it had."""
    return aten("expand", kept(aten, gradient, dims, keepdim), list(shape), implicit=False)


def kept(aten: Aten, x: AnyTensor, dims: Sequence[int], keepdim: bool) -> AnyTensor:
    """What a reduction over `dims` gave, with those dims of size 1."""
    if keepdim:
        return x
    for dim in sorted(dims):
        x = aten("unsqueeze", x, dim)
    return x


def conjugate(aten: Aten, x: AnyTensor) -> AnyTensor:
    """Of complex numbers the conjugates; reals as they are."""
    return aten("conj_physical", x) if aten.dtype(x).is_complex else x


def scaled(aten: Aten, gradient: AnyTensor, slope: AnyTensor) -> AnyTensor:
    """The gradient of what a slope is by. As PyTorch's, gradients are the conjugates of derivatives: those of
    an analytic function are multiplied by the conjugate of its slope.
    """
    return aten("mul.Tensor", gradient, conjugate(aten, slope))


def zeros(aten: Aten, like: AnyTensor) -> AnyTensor:
    """Zeros of the shape and dtype of a tensor."""
    return aten("zeros", list(aten.shape(like)), dtype=aten.dtype(like).code)
