"""From a scalar formula to a pointwise operator: its inference, eager meaning and lowering."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import Dim
from tsc.dtypes import Array, DType, Number
from tsc.errors import DTypeError
from tsc.narrowing import is_array, is_list
from tsc.ops.definition import Family, Operator, ResultLayout, TensorSpec, require_schema
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.numpy_emitter import NumpyEmitter
from tsc.ops.parts_emitter import PART_DTYPES, Parts, PartsEmitter
from tsc.ops.promotion import computation_dtype, result_dtype
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast


class Promote(Enum):
    """How the dtype of the result follows from the operands."""

    DEFAULT = "the promoted dtype"
    TO_FLOAT = "the promoted dtype; integers and bools become float32"
    COMPARE = "computed in the promoted dtype; the result is bool"
    TO_REAL = "computed in the promoted dtype; of complex numbers the result is real"
    TO_BOOL = "operands and result are bool"


@dataclass(frozen=True)
class Formula:
    """A pointwise operator before it is bound to a schema."""

    function: Callable[..., Scalar]
    elements: tuple[bool, ...]
    """Which parameters are elements (annotated `Scalar`); the others are plain Python values."""
    promoting: tuple[bool, ...]
    """Which parameters take part in promotion: elements, and plain numbers annotated `Number`."""
    promote: Promote | Callable[[Sequence[Any]], Promote]
    illegal: tuple[DType, ...]
    """Promoted dtypes for which there is no result."""
    refuses: Callable[..., str | None] | None
    """Of the schema's arguments, tensors as specs: why a call has no result, in PyTorch's words, or None."""

    def specs(self, arguments: Sequence[Any]) -> list[Any]:
        """The promoting arguments that are there: specs of tensors, and Python numbers."""
        return [
            a for a, promotes in zip(arguments, self.promoting, strict=True) if promotes and a is not None
        ]

    def dtypes(self, name: str, arguments: Sequence[Any]) -> tuple[DType, DType]:
        """The dtype to compute in and the dtype of the result."""
        refusal = None if self.refuses is None else self.refuses(*arguments)
        if refusal is not None:
            raise DTypeError(refusal)
        common = result_dtype(self.specs(arguments))
        if common in self.illegal:
            raise DTypeError(f"{name}: not implemented for '{common.scalar_type}'")
        promote = self.promote if isinstance(self.promote, Promote) else self.promote(arguments)
        if promote is Promote.TO_FLOAT and not (common.is_floating or common.is_complex):
            common = dtypes.F32
        if promote is Promote.TO_BOOL:
            return dtypes.BOOL, dtypes.BOOL
        result = dtypes.BOOL if promote is Promote.COMPARE else common
        if promote is Promote.TO_REAL:
            result = {dtypes.C64: dtypes.F32, dtypes.C128: dtypes.F64}.get(common, common)
        return computation_dtype(common), result

    def infer(self, name: str, arguments: Sequence[Any]) -> TensorSpec:
        """The spec of the result."""
        shape = broadcast(*(s.shape for s in self.specs(arguments) if isinstance(s, TensorSpec)))
        return TensorSpec(shape, self.dtypes(name, arguments)[1])

    def evaluate(self, name: str, arguments: Sequence[Any]) -> np.ndarray[Any, Any]:
        """The result on NumPy arrays and Python numbers."""
        specs = [spec_of(a) if is_array(a) else a for a in arguments]
        compute, result = self.dtypes(name, specs)
        broadcast(*(s.shape for s in self.specs(specs) if isinstance(s, TensorSpec)))
        emitter = NumpyEmitter()

        def element(value: Array | Number) -> Scalar:
            if isinstance(value, np.ndarray):
                return _widened(Scalar(emitter, value, dtypes.by_numpy(value.dtype)), compute)
            return Scalar(emitter, emitter.const(value, compute), compute)

        with np.errstate(all="ignore"):
            value = self._apply(arguments, element).to(result).value
        return value.copy() if any(value is a for a in arguments) else np.asarray(value)

    def in_parts(self, name: str, aten: Any, arguments: Sequence[Any]) -> Any:
        """The result of complex tensors in operators on their parts."""
        specs = [spec_of_parts(aten, a) for a in arguments]
        compute, result = self.dtypes(name, specs)
        emitter = PartsEmitter(aten)

        def element(value: Any) -> Scalar:
            spec = spec_of_parts(aten, value)
            if isinstance(spec, TensorSpec):
                return Scalar(emitter, value, spec.dtype).to(compute)
            return Scalar(emitter, emitter.const(value, compute), compute)

        return self._apply(arguments, element).to(result).value

    def slopes(self, name: str, aten: Any, arguments: Sequence[Any]) -> dict[int, Any]:
        """By the positions of the tensors: the derivatives of the result, in the dtype it is computed in."""
        from tsc.ops.derivatives.slopes import Dual, DualEmitter  # of who differentiates alone

        specs = [aten.spec(a) if is_tensor(a) else a for a in arguments]
        compute, _ = self.dtypes(name, specs)
        emitter = DualEmitter(aten)
        positions = iter([i for i, e in enumerate(self.elements) if e and arguments[i] is not None])

        def element(value: Any) -> Scalar:
            position = next(positions)
            if not is_tensor(value):
                return Scalar(emitter, emitter.const(value, compute), compute)
            dtype = specs[position].dtype
            slopes = {position: 1.0} if dtype.is_floating or dtype.is_complex else {}
            return _widened(Scalar(emitter, Dual(value, slopes), dtype), compute)

        return dict(self._apply(arguments, element).value.slopes)

    def lower(self, name: str, kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        """The result as a parallel ``linalg.generic``."""
        specs = [a.spec if isinstance(a, KernelValue) else a for a in arguments]
        compute, _ = self.dtypes(name, specs)
        spec = self.infer(name, specs)
        tensors = [a for a in arguments if isinstance(a, KernelValue)]

        def body(*scalars: Scalar) -> Scalar:
            given = iter(scalars)

            def element(value: KernelValue | Number) -> Scalar:
                if isinstance(value, KernelValue):
                    return _widened(next(given), compute)
                emitter = scalars[0].emitter
                return Scalar(emitter, emitter.const(value, compute), compute)

            return self._apply(arguments, element).to(spec.dtype)

        return kernel.elementwise(tensors, spec, body, name)

    def _apply(self, arguments: Sequence[Any], element: Callable[[Any], Scalar]) -> Scalar:
        pairs = zip(arguments, self.elements, strict=True)
        return self.function(*(element(a) if e and a is not None else a for a, e in pairs))


def _widened(x: Scalar, compute: DType) -> Scalar:
    """An operand in the dtype to compute in, which may be wider than that of a 16-bit float."""
    return replace(x.to(compute), stored=x.dtype) if x.dtype in dtypes.REDUCED else x.to(compute)


def spec_of_parts(aten: Any, value: Any) -> Any:
    """The spec of a tensor, which may be in parts; another argument as it is."""
    if isinstance(value, Parts):
        dtype = next(c for c, part in PART_DTYPES.items() if part is aten.dtype(value.real))
        return TensorSpec(aten.shape(value.real), dtype)
    return TensorSpec(aten.shape(value), aten.dtype(value)) if is_tensor(value) else value


def is_tensor(value: object) -> bool:
    """Whether an argument of a definition is a tensor: no number, text, list or None."""
    return value is not None and not isinstance(value, (bool, int, float, complex, str, list, tuple, Dim))


def spec_of(array: np.ndarray[Any, Any]) -> TensorSpec:
    """The spec of an array."""
    return TensorSpec(array.shape, dtypes.by_numpy(array.dtype))


def specs_of(arguments: Sequence[Any]) -> list[Any]:
    """The arguments with arrays and kernel values replaced by their specs, in lists too."""
    return [_spec(a) for a in arguments]


def _spec(value: object) -> Any:
    if isinstance(value, KernelValue):
        return value.spec
    if is_array(value):
        return spec_of(value)
    if is_list(value):
        return specs_of(value)
    return value


def pointwise(
    family: Family,
    *names: str,
    promote: Promote | Callable[[Sequence[Any]], Promote] = Promote.DEFAULT,
    illegal: tuple[DType, ...] = (),
    refuses: Callable[..., str | None] | None = None,
    native: bool | Callable[..., bool] = True,
    **parts: object,
) -> Callable[[Callable[..., Scalar]], Callable[..., Scalar]]:
    """The decorated formula is the meaning of the schemas in `names`, whose arguments are the same.

    Parameters annotated `Scalar` (or ``Scalar | None``) are elements and take part in promotion; those
    annotated `Number` take part but stay Python numbers; others are Python values. `illegal` and `refuses`
    are as in `Formula`, `native` says (of specs) whether there is native code, `parts` are further fields of
    `Operator`.
    """

    def register(function: Callable[..., Scalar]) -> Callable[..., Scalar]:
        parameters = inspect.signature(function).parameters.values()
        elements = tuple(str(p.annotation).startswith("Scalar") for p in parameters)
        promoting = tuple(
            e or str(p.annotation) == "Number" for e, p in zip(elements, parameters, strict=True)
        )
        formula = Formula(function, elements, promoting, promote, illegal, refuses)
        for name in names:
            family.add(_operator(name, formula, native, parts))
        return function

    return register


def _operator(
    name: str, formula: Formula, native: bool | Callable[..., bool], parts: dict[str, Any]
) -> Operator:
    schema = require_schema(name)
    if len(schema.arguments) != len(formula.elements):
        raise TypeError(
            f"{name}: the schema has {len(schema.arguments)} arguments, the formula {len(formula.elements)}"
        )

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
        return formula.lower(name, kernel, arguments)

    def in_parts(aten: Any, *arguments: Any) -> Any:
        return formula.in_parts(name, aten, arguments)

    def slopes(aten: Any, *arguments: Any) -> dict[int, Any]:
        return formula.slopes(name, aten, arguments)

    options: dict[str, Any] = {
        "layout": ResultLayout.ELEMENTWISE, "in_parts": in_parts, "slopes": slopes, **parts,
    }  # fmt: skip
    return Operator(
        schema,
        eager=lambda *arguments: formula.evaluate(name, arguments),
        infer=lambda *arguments: formula.infer(name, arguments),
        lower=lower if native else None,
        lowers=None if isinstance(native, bool) else native,
        kind="pointwise" if native else "generic",
        scalar=formula.function,
        **options,
    )
