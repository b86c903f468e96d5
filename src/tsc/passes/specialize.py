"""Pass `specialize`: the arguments get the types, or the values, of one particular call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import VerifyException

from tsc import dtypes
from tsc.analysis.object_identity import distinct_arguments, mark_distinct
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import DerefineOp, PrimDictConstructOp
from tsc.dialects.torch_types import TorchType
from tsc.dialects.type_tests import has_type
from tsc.errors import ArgumentError

CONSTANTS = {"none": None, "true": True, "false": False}
NUMBERS = {"int": dtypes.I64, "float": dtypes.F64, "bool": dtypes.BOOL}
"""Numbers that are not known when the program is compiled: given as tensors without dims."""


@dataclass(frozen=True)
class Specialize(ModulePass):
    """Give each argument the shape and dtype of an example, or replace it by a constant.

    Requires: one function; one entry of `arguments` per argument: ``1x3x224x224xf32`` (a tensor),
    ``si64`` (0-dim), ``none``, ``true``, ``int:3``, ``float:0.5``, ``str:gelu``; ``int``, ``float`` or
    ``bool`` for any number, given as a 0-dim tensor; several tensors in brackets make a list or tuple:
    ``[2x3xf32;4xf32]``, in braces a dict: ``{str:ids=4xi64;str:mask=4xf32}``. A size may be one of the names
    in `sizes`: ``s0x64xf32``.
    Leaves: arguments that are tensors, fully typed.

    ```mlir
    func.func @f(%x: !torch.tensor, %train: !torch.bool)
    func.func @f(%x: !torch.tensor<[2,3],f32>) { %train = torch.constant.bool false ... }
    ```
    """

    name = "specialize"
    arguments: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """What names of sizes stand for: numbers and symbolic sizes."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Specialize the only function of the module.

        Raises:
            ArgumentError: the number of entries is not the number of arguments, or an entry does not fit.
        """
        functions = [f for f in op.ops if isinstance(f, FuncOp)]
        if len(functions) != 1:
            raise ArgumentError(f"specialize: requires one function; got {len(functions)}")
        function = functions[0]
        block = function.body.block
        given = list(block.args)
        if len(given) != len(self.arguments):
            raise ArgumentError(f"specialize: requires {len(given)} arguments; got {len(self.arguments)}")
        builder = TorchBuilder(block, before=block.first_op)
        distinct, remaining = distinct_arguments(function), list[BlockArgument]()
        for argument, text in zip(given, self.arguments, strict=True):
            value = _Specializer(function, builder, self.sizes).value(text, argument.type)
            _require_fits(value.type, argument.type, text)
            value.name_hint = argument.name_hint
            if argument in distinct and isinstance(value, BlockArgument):
                remaining.append(value)
            if value.type is not argument.type and not isinstance(argument.type, tt.TensorType):
                value = builder.create(DerefineOp, [value], [argument.type]).results[0]
            argument.replace_all_uses_with(value)
            block.erase_arg(argument)
        if distinct:
            mark_distinct(function, remaining)
        function.update_function_type()


def _require_fits(kind: Attribute, wanted: Attribute, text: str) -> None:
    """Refuse a value of another type than the argument has; a tensor may be None: one that is undefined.

    Raises:
        ArgumentError: it is of another type.
    """
    if isinstance(wanted, tt.TensorType) and kind is tt.NONE:
        return
    if has_type(cast("TorchType", kind), cast("TorchType", wanted)) is False:
        raise ArgumentError(f"specialize: {text!r} is no {cast('TorchType', wanted).torchscript()}")


class _Specializer:
    def __init__(self, function: FuncOp, builder: TorchBuilder, sizes: Mapping[str, int]) -> None:
        self.function = function
        self.builder = builder
        self.sizes = sizes

    def value(self, text: str, wanted: object) -> SSAValue:
        """A new argument, or constant, for one entry."""
        if text.startswith("["):
            return self._container(text, wanted)
        if text.startswith("{"):
            return self._dict(text, wanted)
        if text in CONSTANTS:
            return self.builder.constant(CONSTANTS[text])
        kind, separator, value = text.partition(":")
        if separator:
            return self._constant(kind, value)
        block = self.function.body.block
        if text in NUMBERS:
            given = block.insert_arg(tt.TensorType.of((), NUMBERS[text]), len(block.args))
            return self.builder.aten(f"aten::{text.capitalize()}.Tensor", [given]).results[0]
        return block.insert_arg(parse_spec(text, self.sizes), len(block.args))

    def _constant(self, kind: str, value: str) -> SSAValue:
        makers = {"int": int, "float": float, "str": str, "complex": complex}
        if kind == "device":
            return self.builder.device(value)
        if kind not in makers:
            raise ArgumentError(f"specialize: requires int:, float:, str:, complex: or device:; got {kind}:")
        try:
            return self.builder.constant(makers[kind](value))
        except (ValueError, VerifyException):
            raise ArgumentError(f"specialize: {value!r} is no {kind}") from None

    def _container(self, text: str, wanted: object) -> SSAValue:
        inner = wanted.data if isinstance(wanted, tt.OptionalType) else wanted
        texts = split_entries(text[1:-1])
        if isinstance(inner, tt.ListType):
            return self.builder.list(inner.data, [self.value(t, inner.data) for t in texts])
        kinds: Sequence[object] = [None] * len(texts)
        if isinstance(inner, (tt.TupleType, tt.NamedTupleType)):
            kinds = inner.data if isinstance(inner, tt.TupleType) else inner.elements
            if len(kinds) != len(texts):
                raise ArgumentError(f"specialize: requires {len(kinds)} entries in a tuple; got {len(texts)}")
        made = self.builder.make_tuple([self.value(t, k) for t, k in zip(texts, kinds, strict=True)])
        if isinstance(inner, (tt.TupleType, tt.NamedTupleType)):
            made._type = inner  # pyright: ignore[reportPrivateUsage]
        return made

    def _dict(self, text: str, wanted: object) -> SSAValue:
        inner = wanted.data if isinstance(wanted, tt.OptionalType) else wanted
        if not isinstance(inner, tt.DictType):
            raise ArgumentError(f"specialize: {text!r} is a dict, and another argument is wanted")
        pairs = [entry.partition("=") for entry in split_entries(text[1:-1])]
        keys = [self.value(key, inner.key) for key, _, _ in pairs]
        values = [self.value(value, inner.value) for _, _, value in pairs]
        return self.builder.create(PrimDictConstructOp, [*keys, *values], [inner]).results[0]


def split_entries(text: str) -> list[str]:
    """Split at the semicolons outside brackets and braces."""
    parts: list[str] = []
    depth, start = 0, 0
    for i, c in enumerate(text):
        depth += (c in "[{") - (c in "]}")
        if c == ";" and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]] if text else []


def parse_spec(text: str, sizes: Mapping[str, int] = MappingProxyType({})) -> tt.TensorType:
    """The tensor type ``1x3xf32`` denotes; `sizes` are those that have names.

    Raises:
        ArgumentError: it denotes none.
    """
    *parts, element = text.replace("complex", "c").split("x")
    element = element.replace("c<", "complex<")
    spelled = {"i64": "si64", "i32": "si32", "i16": "si16", "i8": "si8", "bool": "i1"}.get(element, element)
    try:
        shape = [sizes[n] if n in sizes else int(n) for n in parts]
        if any(n < 0 for n in shape):
            raise ValueError(text)
        return tt.TensorType.of(shape, dtypes.by_mlir(spelled))
    except (KeyError, ValueError):
        raise ArgumentError(f"specialize: requires a shape like 1x3x224x224xf32; got {text!r}") from None
