"""Calls to try, as PyTorch's own samples make them.

PyTorch's `OpInfo`s sample Python functions. Run under a mode below the Python layer and above all
decompositions, they show the operators called, overload by overload, with one value per argument.
"""

# PyTorch's own test samples are untyped, and recording them needs its internals.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportPrivateUsage=false

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice
from typing import Any

import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.schema_check_mode import SchemaCheckMode
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._python_dispatch import TorchDispatchMode

from tsc.dialects import schema as schemas
from tsc.dialects.schema import Schema
from tsc.ops.variants import functional_name

from .handpicked import handpicked
from .matching import accepts, bind, cloned

DTYPES = (
    torch.float32,
    torch.int64,
    torch.bool,
    torch.bfloat16,
    torch.float16,
    torch.complex64,
)
PER_OVERLOAD = 6
PER_FUNCTION = 10
MAX_ELEMENTS = 20_000
EXPENSIVE = ("linalg.lobpcg", "svd_lowrank", "pca_lowrank", "to_sparse", "nn.functional.linear_cross_entropy")
REFUSALS = (
    RuntimeError,
    NotImplementedError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    IndexError,
)
Sample = tuple[Schema, list[Any]]


class Recorder(SchemaCheckMode):
    """Notes every operator called, with copies of its arguments, until it has enough of an overload."""

    def __init__(self) -> None:
        TorchDispatchMode.__init__(self, _dispatch_key=torch._C.DispatchKey.PreDispatch)
        self.calls: dict[str, list[list[Any]]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note the call, then make it."""
        keywords = kwargs or {}
        overload = func._schema.overload_name
        name = func._schema.name + (f".{overload}" if overload else "")
        taken = self.calls.setdefault(name, [])
        if len(taken) < PER_OVERLOAD:
            self._note(name, taken, args, keywords)
        return func(*args, **keywords)

    def _note(self, name: str, taken: list[list[Any]], args: Any, keywords: Any) -> None:
        schema = schemas.lookup(name)
        values = None if schema is None else bind(schema, list(args), keywords)
        if values is not None and _size(values) <= MAX_ELEMENTS and not _has_lazy(values):
            taken.append(cloned(values))


def _size(values: Any) -> int:
    if isinstance(values, torch.Tensor):
        return values.numel()
    return sum(_size(v) for v in values) if isinstance(values, (list, tuple)) else 0


def _has_lazy(values: Any) -> bool:
    """Whether a tensor is sparse, quantized or of a dtype `tsc` does not have."""
    if isinstance(values, torch.Tensor):
        return values.layout is not torch.strided or values.is_quantized or values.dtype is torch.complex32
    return any(_has_lazy(v) for v in values) if isinstance(values, (list, tuple)) else False


@cache
def recorded(dtype: torch.dtype) -> dict[str, list[list[Any]]]:
    """For each overload, the calls that PyTorch's samples of `dtype` make."""

    def record(recorder: Recorder) -> None:
        for info in op_db:
            if dtype in info.dtypes and info.name not in EXPENSIVE:
                _record(recorder, info, dtype)

    return _recording(record)


@contextmanager
def defined_memory() -> Generator[None]:
    """What `torch.empty` gives is the same in every run (some samples are made of it)."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def _recording(record: Callable[[Recorder], None]) -> dict[str, list[list[Any]]]:
    """The calls made by `record`, run in a thread: sampling formats the stack thousands of times, and
    pytest's is deep.
    """

    def run() -> dict[str, list[list[Any]]]:
        recorder = Recorder()
        with warnings.catch_warnings(), defined_memory():
            warnings.simplefilter("ignore")
            record(recorder)
        return recorder.calls

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(run).result()


def _record(recorder: Recorder, info: Any, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    samples = islice(info.sample_inputs("cpu", dtype, requires_grad=False), PER_FUNCTION)
    for sample in samples:
        _call(recorder, info, sample)


def _call(recorder: Recorder, info: Any, sample: Any) -> None:
    # An error sample, or one not meant for this mode: what was called is noted all the same.
    with enable_python_dispatcher(), torch._C._EnablePreDispatch(), recorder, suppress(*REFUSALS):
        info.op(sample.input, *sample.args, **sample.kwargs)


def calls_of(schema: Schema) -> dict[str, list[list[Any]]]:
    """All calls to try of one overload, by where they come from: a dtype, or ``handpicked``."""
    found = {str(dtype)[6:]: recorded(dtype).get(schema.full_name, []) for dtype in DTYPES}
    found["handpicked"] = handpicked().get(schema.full_name, [])
    if not any(found.values()):
        found = _derived(schema)
    return {origin: calls for origin, calls in found.items() if calls}


def _derived(schema: Schema) -> dict[str, list[list[Any]]]:
    """Calls of another overload with numbers in place of tensors, or of the functional form of an in-place
    operator.
    """
    base = functional_name(schema)
    if base is not None:
        functional = schemas.lookup(base)
        return calls_of(functional) if functional is not None else {}
    for other in schemas.overloads(schema.name):
        if other.full_name != schema.full_name and len(other.arguments) == len(schema.arguments):
            fitting = {
                origin: [c for call in calls if (c := _as_numbers(schema, call)) is not None]
                for origin, calls in _recorded_calls(other).items()
            }
            if any(fitting.values()):
                return {origin: calls for origin, calls in fitting.items() if calls}
    return {}


def _recorded_calls(schema: Schema) -> dict[str, list[list[Any]]]:
    return {str(dtype)[6:]: recorded(dtype).get(schema.full_name, []) for dtype in DTYPES}


def _as_numbers(schema: Schema, call: list[Any]) -> list[Any] | None:
    """The call with tensors replaced by one of their elements where the schema wants numbers."""
    values: list[Any] = []
    for argument, value in zip(schema.arguments, call, strict=True):
        if isinstance(value, torch.Tensor) and not accepts(argument.type, value) and value.numel():
            value = value.reshape(-1)[-1].item()
        if not accepts(argument.type, value, argument.broadcast_size):
            return None
        values.append(value)
    return values


@cache
def refused() -> dict[str, list[list[Any]]]:
    """Calls that PyTorch's samples of errors make, of operators `tsc` has. Some of them are the valid calls
    before the wrong one.
    """

    def record(recorder: Recorder) -> None:
        for info in op_db:
            torch.manual_seed(0)
            if info.error_inputs_func is not None and info.name not in EXPENSIVE:
                for error in islice(info.error_inputs("cpu"), PER_FUNCTION):
                    _call(recorder, info, error.sample_input)

    return _recording(record)
