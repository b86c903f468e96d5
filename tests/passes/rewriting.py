"""Holds passes to the IR they make: text before, text after, compared as graphs and not as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute
from xdsl.parser import Parser
from xdsl.passes import ModulePass

from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import TorchContext, make_context

Weights = Mapping[str, np.ndarray[Any, Any]]


def parse(text: str, weights: Weights | None = None) -> tuple[TorchContext, ModuleOp]:
    """The module of a text, which must be valid, and its context; `weights` are the arrays of its
    ``dense_resource`` keys.
    """
    pool = ConstantPool()
    for key, array in (weights or {}).items():
        pool.add(key, array)
    context = make_context(pool)
    module = Parser(context, text).parse_module()
    module.verify()
    return context, module


def rewritten(
    text: str, *passes: ModulePass, weights: Weights | None = None
) -> tuple[TorchContext, ModuleOp]:
    """What `passes` make of a module; valid after each of them. The context's pool has the constants."""
    context, module = parse(text, weights)
    for compiler_pass in passes:
        compiler_pass.apply(context, module)
        module.verify()
    return context, module


def assert_rewrites(before: str, after: str, *passes: ModulePass, weights: Weights | None = None) -> None:
    """The passes make `after` of `before`: the same operations, attributes, types and uses in the same order;
    names of values do not count.
    """
    _, module = rewritten(before, *passes, weights=weights)
    _, wanted = parse(after)
    is_same = module.is_structurally_equivalent(wanted) and _kinds(module) == _kinds(wanted)
    assert is_same, f"got\n{module}\nnot\n{wanted}"


def _kinds(module: ModuleOp) -> list[tuple[str, list[Attribute]]]:
    """What xDSL's equivalence leaves out: the types of results, and the schemas of operators that share a
    name.
    """
    return [
        (op.schema.full_name if isinstance(op, AtenOp) else op.name, [r.type for r in op.results])
        for op in module.walk()
    ]


def assert_leaves(text: str, *passes: ModulePass, weights: Weights | None = None) -> None:
    """The passes change nothing."""
    assert_rewrites(text, text, *passes, weights=weights)
