"""The recorder of a trace: operators run on live tensors become operations, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import UnknownLoc
from xdsl.ir import Operation, SSAValue

from tsc.dialects import schema as schemas
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import literal
from tsc.dialects.schema import REQUIRED, Schema
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError, UnsupportedOperatorError
from tsc.frontend.sources import location_of
from tsc.frontend.unit import ScriptObject, Unit
from tsc.interop import torch as torch_interop
from tsc.runtime.indexing import Indexing
from tsc.runtime.recording import RECORDER, paused
from tsc.tracing.backends import Backend
from tsc.tracing.diagnostics import (
    CONSTRUCTOR,
    DATA_FLOW,
    ITERATION,
    LENGTH,
    RESIZED,
    user_place,
    warn,
)
from tsc.tracing.frames import Frame, Path
from tsc.tracing.known_values import KnownValues
from tsc.tracing.normalizing import convolution, out_of_place, with_number


class Recorder(KnownValues):
    """One running trace: which value stands for which tensor, and the operations so far."""

    def __init__(self, unit: Unit, backend: Backend, *, force_outplace: bool = False) -> None:
        super().__init__(unit, backend)
        self.force_outplace = force_outplace
        """Whether in-place operators are recorded as those that make new tensors."""
        self._ints: dict[SSAValue, SSAValue] = {}
        self._concrete: list[tuple[Any, int]] = []
        self.modules: dict[int, Path] = {}
        """Where the live modules below the traced one are."""
        self.scripted: dict[int, Callable[..., Any]] = {}
        """What is called for modules that PyTorch compiled."""
        self.indexing = Indexing(backend.apply, backend.is_tensor, self._is_int, self._as_int)

    # --- what the backends tell ---

    def is_running(self) -> bool:
        """Whether what happens now belongs to this trace."""
        return RECORDER.get() is self

    def paused(self) -> AbstractContextManager[None]:
        """Nothing inside is recorded."""
        return paused()

    def converted(self, kind: str) -> None:
        """A tensor became a Python value."""
        if self.is_running():
            warn(f"Converting a tensor to a {kind if ' ' in kind else 'Python ' + kind}{DATA_FLOW}")

    def constructed(self, name: str, tensor: object) -> None:
        """A tensor was made from Python data: a constant, unless `tensor` is None."""
        warn(f"{name}{CONSTRUCTOR}")
        if tensor is not None and not self.backend.requires_grad(tensor):
            self.builder.location = location_of(user_place())
            self.set_value(tensor, self.captured(tensor))

    def concrete(self, tensor: object, value: int) -> None:
        """The next operator gets `value` as a plain int; it is what `tensor` holds."""
        self._concrete.append((tensor, value))

    def resized(self, name: str, tensor: object) -> None:
        """A tensor was resized: no value stands for it any more."""
        warn(f"{name}{RESIZED}")
        self._values.pop(id(tensor), None)

    def length(self) -> None:
        """``len`` of a tensor was taken."""
        warn(LENGTH)

    def iterated(self) -> None:
        """A loop runs over a tensor."""
        warn(ITERATION)

    def dispatched(
        self, name: str, arguments: Sequence[Any], keywords: dict[str, Any], result: object
    ) -> None:
        """PyTorch ran an operator.

        Raises:
            UnsupportedOperatorError: `tsc` does not know it.
        """
        schema = schemas.lookup(name)
        if schema is None:
            if self._has_tensor(result):
                raise UnsupportedOperatorError(f"trace: operator {name} has no schema in this version of tsc")
            return
        rest = schema.arguments[len(arguments) :]
        given = [
            *arguments,
            *(keywords.get(a.name, None if a.default is REQUIRED else a.default) for a in rest),
        ]
        self.record(*convolution(schema, self._traced_again(schema, given)), result)

    def _traced_again(self, schema: Schema, given: list[Any]) -> list[Any]:
        """The arguments, with traced ints for those PyTorch made plain on the way."""
        pending, self._concrete = self._concrete, []
        for tensor, value in pending:
            for i, formal in enumerate(schema.arguments):
                if formal.type is tt.INT and type(given[i]) is int and given[i] == value:
                    given[i] = self.backend.traced_int(self, tensor, value)
                    break
        return given

    def read(self, tensor: object, key: object) -> Any:
        """``tensor[key]``, recorded."""
        return self.indexing.read(tensor, key)

    def write(self, tensor: object, key: object, value: object) -> bool:
        """``tensor[key] = value``, recorded; False for a key of an unusual form."""

        def as_tensor(number: object, like: object) -> Any:
            with self.paused():
                return self.backend.like(number, like)

        outplace, self.force_outplace = self.force_outplace, False  # in PyTorch it is a copy into the tensor
        try:
            return self.indexing.write(tensor, key, value, as_tensor)
        finally:
            self.force_outplace = outplace

    def call_module(
        self, module: object, run: Callable[..., Any], *arguments: object, **keywords: object
    ) -> Any:
        """Run a module; what a submodule of the traced one does belongs to a frame of its own."""
        if self.is_running() and id(module) in self.scripted:
            return self.scripted[id(module)](*arguments, **keywords)
        path = self.modules.get(id(module)) if self.is_running() else None
        if not path:
            return run(module, *arguments, **keywords)
        with self.inside(path):
            return run(module, *arguments, **keywords)

    # --- recording ---

    @contextmanager
    def inside(self, path: Path) -> Generator[None]:
        """What is recorded inside belongs to a call of the submodule at `path`."""
        outer = self.builder.frame
        self.builder.frame = Frame(path)
        outer.items.append(self.builder.frame)
        try:
            yield
        finally:
            self.builder.frame = outer

    def record(self, schema: Schema, given: Sequence[Any], result: Any) -> None:
        """Note a call of an operator. Calls that neither make nor write tensors leave no trace."""
        if not (schema.mutates or self._has_tensor(result)):
            return
        self.builder.location = location_of(user_place())
        if self.force_outplace:
            schema, given = out_of_place(schema, list(given))
        schema = with_number(schema, given)
        operands = [self.operand(g, a.type) for g, a in zip(given, schema.arguments, strict=True)]
        made = self.builder.aten(schema.full_name, operands)
        parts = result if len(made.results) > 1 else (result,)
        for value, part in zip(made.results, parts, strict=False):
            self.bind(part, value)

    def _as_int(self, tensor: Any) -> Any:
        """The traced int that a 0-dim tensor holds."""
        with self.paused():
            value = int(tensor)
        return self.backend.traced_int(self, tensor, value)

    def _is_int(self, value: object) -> bool:
        return isinstance(value, int) or self.backend.tensor_of_int(value) is not None

    def _has_tensor(self, value: object) -> bool:
        if isinstance(value, (list, tuple)):
            return any(self._has_tensor(v) for v in cast("Sequence[Any]", value))
        return self.backend.is_tensor(value)

    def bind(self, live: Any, value: SSAValue) -> None:
        """`value` stands for what the program holds as `live`, entering lists, tuples and dicts."""
        kind = value.type
        if self.backend.is_tensor(live):
            self.set_value(live, value)
            self._elements[self.backend.identity(live)] = value
        elif isinstance(kind, tt.ListType) and self._has_tensor(live):
            self._unpack(ops.PrimListUnpackOp, live, value, [kind.data] * len(live))
        elif isinstance(kind, (tt.TupleType, tt.NamedTupleType)) and isinstance(live, tuple):
            types = kind.elements if isinstance(kind, tt.NamedTupleType) else kind.data
            self._unpack(ops.PrimTupleUnpackOp, cast("tuple[Any, ...]", live), value, types)
        elif isinstance(kind, tt.DictType) and isinstance(live, dict):
            for key, held in cast("dict[Any, Any]", live).items():
                found = self.builder.aten(_get_item(kind), [value, self.builder.constant(key)], [kind.value])
                self.bind(held, found.results[0])

    def _unpack(
        self, cls: type[Operation], live: Sequence[Any], value: SSAValue, types: Sequence[TorchType]
    ) -> None:
        made = self.builder.create(cls, [value], list(types))
        for part, held in zip(made.results, live, strict=True):
            self.bind(held, part)

    # --- operands ---

    def operand(self, given: Any, kind: TorchType) -> SSAValue:
        """The value of an argument of type `kind`."""
        inner = kind.data if isinstance(kind, tt.OptionalType) else kind
        if given is None:
            return self.builder.constant(None)
        if isinstance(inner, tt.TensorType):
            return self._tensor_operand(given)
        if isinstance(inner, tt.ListType):
            items = cast("Sequence[Any]", given) if isinstance(given, (list, tuple)) else [given]
            return self.builder.list(inner.data, [self.operand(v, inner.data) for v in items])
        if isinstance(inner, (tt.TupleType, tt.NamedTupleType)):
            types = inner.elements if isinstance(inner, tt.NamedTupleType) else inner.data
            parts = [self.operand(v, t) for v, t in zip(given, types, strict=True)]
            return self.builder.create(ops.PrimTupleConstructOp, parts, [inner]).results[0]
        if isinstance(inner, tt.DictType):
            keys = [self.operand(k, inner.key) for k in given]
            values = [self.operand(v, inner.value) for v in given.values()]
            return self.builder.create(ops.PrimDictConstructOp, [*keys, *values], [inner]).results[0]
        return self._scalar_operand(given, inner)

    def _tensor_operand(self, given: object) -> SSAValue:
        behind = self.backend.tensor_of_int(given)
        if behind is not None:
            return self.value(behind)
        if self.backend.is_tensor(given):
            return self.value(given)
        return self.builder.insert(
            literal(self.unit.pool, "number", np.asarray(given), mutable=True)
        ).results[0]

    def _scalar_operand(self, given: Any, kind: TorchType) -> SSAValue:
        behind = self.backend.tensor_of_int(given)
        if behind is not None:
            return self.int_value(behind) if kind is not tt.FLOAT else self._as_float(behind)
        if isinstance(given, ScriptObject):
            return self.object_value(given)
        known = torch_interop.constant_of(given)
        if known is not None:
            return self.builder.device(known[1]) if known[0] == "device" else self.builder.constant(known[1])
        if kind is tt.DEVICE:
            return self.builder.device(str(given))
        if kind is tt.GENERATOR:
            return self.builder.constant(None)
        if isinstance(given, (bool, int, float, complex, str)):
            is_widened = kind is tt.FLOAT and type(given) is int
            return self.builder.constant(float(given) if is_widened else given)  # pyright: ignore[reportArgumentType]
        if self.backend.is_tensor(given):
            return self.builder.constant(given.item())
        raise NotSupportedError(
            f"trace: requires tensors and numbers; got an argument of {type(given).__name__}"
        )

    def int_value(self, tensor: object) -> SSAValue:
        """The int that a 0-dim tensor holds, taken right behind where the tensor is made."""
        value = self.value(tensor)
        if value not in self._ints:
            made = self.builder.aten("aten::Int.Tensor", [value])
            made.location = UnknownLoc()
            self.builder.behind(made, cast("Operation", value.owner))
            self._ints[value] = made.results[0]
        return self._ints[value]

    def _as_float(self, tensor: object) -> SSAValue:
        return self.builder.aten("aten::Float.Scalar", [self.int_value(tensor)]).results[0]

    # --- sizes ---

    def size(self, tensor: object, dim: int, value: int) -> Any:
        """``tensor.size(dim)`` as an int whose origin is known."""
        self.builder.location = location_of(user_place())
        operands = [self.value(tensor), self.builder.constant(dim)]
        return self._number("aten::size.int", operands, value)

    def element_count(self, tensor: object, value: int) -> Any:
        """``tensor.numel()`` as an int whose origin is known."""
        self.builder.location = location_of(user_place())
        return self._number("aten::numel", [self.value(tensor)], value)

    def _number(self, operator: str, operands: Sequence[SSAValue], value: int) -> Any:
        found = self.builder.aten(operator, operands).results[0]
        made = self.builder.aten("prim::NumToTensor.Scalar", [found])
        made.location = UnknownLoc()
        with self.paused():
            held = self.backend.scalar(value)
        self.set_value(held, made.results[0])
        return self.backend.traced_int(self, held, value)


def _get_item(kind: tt.DictType) -> str:
    return "aten::__getitem__.Dict_str" if kind.key is tt.STRING else "aten::__getitem__.Dict_int"
