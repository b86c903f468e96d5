"""Functions of a layer and what follows it, as text with weights: for passes that fold them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tests.passes.rewriting import rewritten
from tsc.analysis.weights import constant_array
from tsc.dialects.aten import AtenOp
from tsc.dialects.context import TorchContext

Array = np.ndarray[Any, Any]
Weights = dict[str, Array]
RESULT = "!torch.tensor<[?,3,?,?],f32>"
EPS = 0.25
ELEMENTS = {
    "float16": "f16",
    "float32": "f32",
    "float64": "f64",
    "int64": "si64",
    "complex64": "complex<f32>",
}
SCALARS = {
    "none": "none", "one": "int 1", "two": "int 2", "no": "bool false", "yes": "bool true", "same": 'str ""',
    "eps": f"float {EPS}", "zero": "float 0.0", "half": "float 0.5", "i": "complex 0.0, 1.0",
}  # fmt: skip
INTS = "!torch.list<int>"
CONVOLUTIONS = {
    **{f"conv{n}d": "ints ints ints one" for n in (1, 2, 3)},
    **{f"conv{n}d.padding": "ints same ints one" for n in (1, 2, 3)},
    "convolution": "ints ints ints no ints one",
    "_convolution.deprecated": "ints ints ints no ints one no no no",
    "_convolution": "ints ints ints no ints one no no no no",
}
"""What each convolution takes after its bias."""
CONV = "y = conv2d x w b ints ints ints one"
NORM = "z = batch_norm y gamma beta mean var no eps eps no"


def numbers(*shape: int, at: float = 1.0) -> Array:
    """Different numbers from `at` on."""
    return (at + np.arange(np.prod(shape)).reshape(shape) / 8).astype(np.float32)


LAYER: Weights = {"w": numbers(3, 2, 1, 1), "b": numbers(3, at=2.0)}
STATISTICS: Weights = {name: numbers(3, at=i + 3) for i, name in enumerate(("gamma", "beta", "mean", "var"))}
WEIGHTS = LAYER | STATISTICS


def literal(name: str, array: Array, key: str = "", kind: str = "tensor") -> str:
    """A tensor constant."""
    sizes, element = [str(n) for n in array.shape], ELEMENTS[array.dtype.name]
    builtin, made = f"tensor<{'x'.join([*sizes, element])}>", f"!torch.{kind}<[{','.join(sizes)}],{element}>"
    return f"%{name} = torch.{kind}.literal(dense_resource<{key or name}> : {builtin}) : {made}"


def program(
    *calls: str, weights: Weights = WEIGHTS, kind: str = "tensor", given: str = "", returns: str = "z",
    result: str = RESULT,
) -> str:  # fmt: skip
    """A function that runs calls such as ``y = conv2d x w b``, or ``n: !torch.int = dim y``. The names are
    of weights, of scalars, or of arguments: ``x``, and those that are `given` instead of being constants.
    """
    types = {"x": "!torch.tensor", "ints": INTS} | {n: f"!torch.{s.split()[0]}" for n, s in SCALARS.items()}
    heads = [f"%{name} = torch.constant.{scalar}" for name, scalar in SCALARS.items()]
    heads += [literal(name, array, kind=kind) for name, array in weights.items()]
    types |= {name: heads[len(SCALARS) + i].rsplit(" : ", 1)[1] for i, name in enumerate(weights)}
    arguments = ["x", *given.split()]
    lines = [line for line in heads if line[1:].split()[0] not in arguments]
    lines.append(f"%ints = torch.prim.ListConstruct : () -> {INTS}")
    for call in calls:
        head, _, rest = call.partition(" = ")
        name, _, made = head.removeprefix("%").partition(": ")
        operator, *operands = rest.split()
        types[name] = "!torch." + call.rsplit("!torch.", 1)[1] if call.startswith("%") else made or result
        if not call.startswith("%"):
            values, kinds = ", ".join(f"%{o}" for o in operands), ", ".join(types[o] for o in operands)
            call = f'%{name} = torch.operator "aten.{operator}"({values}) : ({kinds}) -> {types[name]}'
        lines.append(call)
    signature = ", ".join(f"%{name} : {types[name]}" for name in arguments)
    values, results = (", ".join(f(n) for n in returns.split()) for f in ("%{}".format, types.__getitem__))
    body = "\n".join([*lines, f"func.return {values} : {results}"])
    return f"func.func @f({signature}) -> ({results}) {{\n{body}\n}}"


def operators(module: ModuleOp) -> list[AtenOp]:
    """The operators of a module in order."""
    return [op for op in module.walk() if isinstance(op, AtenOp)]


def parameters(context: TorchContext, layer: AtenOp) -> tuple[Array, Array]:
    """The weight and the bias of a layer."""
    found = [constant_array(layer.argument(name), context.pool) for name in ("weight", "bias")]
    return np.asarray(found[0]), np.asarray(found[1])


def assert_folds(
    text: str, weight: Array, bias: Array, *passes: ModulePass, weights: Weights = WEIGHTS, rtol: float = 1e-6
) -> None:
    """One operator is left, a layer with these parameters, of the dtype that they had."""
    context, module = rewritten(text, *passes, weights=weights)
    for found, wanted in zip(parameters(context, *operators(module)), (weight, bias), strict=True):
        assert found.dtype == weights["w"].dtype
        np.testing.assert_allclose(found, wanted, rtol=rtol)


UNKNOWN_RANK = pytest.mark.xfail(
    raises=AssertionError,
    strict=True,
    reason="of a result of unknown rank dim 1 is taken for the channels, as PyTorch does",
)
