# pyright: reportUnknownMemberType=false, reportOptionalMemberAccess=false, reportCallIssue=false
"""`fold-shared-attributes`: what all objects of a class hold alike is a constant in its methods."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from xdsl.dialects.func import FuncOp

import tsc
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.dialects.torch_ops import PrimGetAttrOp, PrimIfOp
from tsc.dialects.walking import walk
from tsc.frontend.object_graph import assemble
from tsc.passes.fold_shared_attributes import FoldSharedAttributes


class Leaf(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.shift = 0.5
        self.sizes = [1, 2]
        self.weight = nn.Parameter(torch.tensor([1.0]))

    def noisy(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = self.noisy(x)
        return x * self.scale * self.weight + self.shift + self.sizes[1]


class Root(nn.Module):
    calls: int

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.kept = 3
        self.a = Leaf(2.0)
        self.b = Leaf(4.0)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.a(x) + self.b(x) * self.kept


def folded(root: nn.Module, *preserved: str) -> dict[str, Any]:
    """The functions of a module after the pass, by the last part of their names."""
    module: Any = tsc.script(root)
    held, compiler = module._object, module._interpreter.compiler
    entry = held.cls.methods["forward"]
    compiler.compile(entry)
    pool = ConstantPool()
    assembled = assemble(compiler.unit, pool, [entry], held)
    FoldSharedAttributes(preserved).apply(make_context(pool), assembled)
    functions = [f for f in assembled.ops if isinstance(f, FuncOp)]
    return {".".join(f.sym_name.data.split(".")[-2:]): f for f in functions}


def attributes_read(function: FuncOp) -> set[str]:
    return {op.attribute for op in walk(function) if isinstance(op, PrimGetAttrOp)}


def test_what_objects_hold_alike_is_folded_and_what_differs_stays() -> None:
    leaf = folded(Root().eval())["Leaf.forward"]
    assert attributes_read(leaf) == {"scale", "weight", "sizes"}
    assert not any(isinstance(op, PrimIfOp) for op in walk(leaf))


def test_methods_that_no_branch_calls_any_more_go() -> None:
    assert not any("noisy" in name for name in folded(Root().eval()))


def test_where_one_object_trains_the_branch_stays() -> None:
    root = Root().eval()
    root.b.train()
    functions = folded(root)
    assert "training" in attributes_read(functions["Leaf.forward"])
    assert any("noisy" in name for name in functions)


def test_attributes_that_are_assigned_or_preserved_stay() -> None:
    assert attributes_read(folded(Root().eval())["Root.forward"]) == {"calls", "a", "b"}
    assert attributes_read(folded(Root().eval(), "kept")["Root.forward"]) == {"calls", "a", "b", "kept"}


def test_the_frozen_module_computes_what_it_did() -> None:
    root = Root().eval()
    x = torch.randn(3)
    np.testing.assert_allclose(tsc.freeze(tsc.script(root))(x.numpy()), root(x).detach().numpy(), rtol=1e-6)
