"""Compiles a module of the `linalg` stage with the real passes and code generator, and runs it."""

import ctypes
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from xdsl.context import Context
from xdsl.dialects import func, get_all_dialects, memref
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, MemRefType, ModuleOp, StringAttr, TensorType
from xdsl.parser import Parser

from tests.passes.loop_form import verify_loop_form
from tsc.analysis.layouts import layout_of, pack
from tsc.analysis.target import Target
from tsc.codegen.emitter import emit_cpu
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.dialects.loop_builder import element_of
from tsc.dialects.tsc import Tsc
from tsc.passes.assign_layouts import AssignLayouts
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.passes.narrow_weights import NarrowWeights
from tsc.passes.plan_memory import PlanMemory
from tsc.passes.schedule import Schedule
from tsc.passes.split_kernels import SplitKernels
from tsc.passes.winograd import Winograd
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject, compile_llvm

DTYPES: dict[str, Any] = {
    "f32": np.float32,
    "f64": np.float64,
    "f16": np.float16,
    "i64": np.int64,
    "i32": np.int32,
    "i8": np.int8,
    "i1": np.bool_,
}

Array = np.ndarray[Any, Any]


def context() -> Context:
    result = Context()
    for name, factory in get_all_dialects().items():
        result.register_dialect(name, factory)
    result.load_dialect(Tsc)
    return result


def parse(text: str) -> ModuleOp:
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def lower(
    text: str, target: Target, show: bool = False, pool: ConstantPool | None = None, side: int | None = None
) -> ModuleOp:
    """All passes from stage `linalg` to stage `loop`, each verified. With a `pool` of constants also those
    that make others of them: `narrow-weights`, and `winograd` for tiles of this `side`.
    """
    module, ctx = parse(text), context() if pool is None else make_context(pool)
    for compiler_pass in (
        *(() if pool is None else (NarrowWeights(target),)),
        FuseElementwise(),
        SplitKernels(),
        *(() if pool is None else (Winograd(target, side),)),
        AssignLayouts(machine=target),
        Schedule(machine=target),
        PlanMemory(),
    ):
        compiler_pass.apply(ctx, module)
        verify_loop_form(module)
        if show:
            print(f"// after {compiler_pass.name}\n{module}")
    return module


def aligned(size: int, dtype: Any) -> Array:
    count = size * np.dtype(dtype).itemsize
    memory = np.zeros(count + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + count].view(dtype)


@dataclass
class Program:
    """A compiled module and everything it needs to stay alive."""

    module: ModuleOp
    code: CompiledObject
    entry: Any
    arena: Array
    inputs: list[MemRefType[Any]]
    outputs: list[MemRefType[Any]]
    constants: list[Array] = field(default_factory=list[Array])

    def prepare(self, *arrays: Array) -> tuple[Callable[[], None], list[Array]]:
        """A call with everything bound, for timing, and the arrays it writes."""
        sources = [np.ascontiguousarray(a).reshape(np.shape(a)) for a in arrays]
        for array, type_ in zip(sources, self.inputs, strict=True):
            assert array.shape == tuple(type_.get_shape()), (array.shape, type_)
            assert array.dtype == DTYPES[str(type_.element_type)], (array.dtype, type_)
        results = [np.full(t.get_shape(), 7, DTYPES[str(t.element_type)]) for t in self.outputs]
        ins = (ctypes.c_void_p * max(1, len(sources)))(*(a.ctypes.data for a in sources))
        outs = (ctypes.c_void_p * max(1, len(results)))(*(a.ctypes.data for a in results))
        kept = [sources, results]

        def run() -> None:
            assert len(kept) == 2, "the arrays live as long as the call"
            self.entry(ins, outs, self.arena.ctypes.data)

        return run, results

    def __call__(self, *arrays: Array) -> list[Array]:
        run, results = self.prepare(*arrays)
        run()
        return results

    def kernels(self) -> list[func.FuncOp]:
        """The kernels, without those that zero halos."""
        found = [f for f in self.module.ops if isinstance(f, func.FuncOp) and "tsc.kind" in f.attributes]
        return [f for f in found if f.attributes["tsc.kind"] != StringAttr("halo")]

    def kinds(self) -> list[str]:
        """The kind of every kernel, in order."""
        return [getattr(f.attributes["tsc.kind"], "data", "") for f in self.kernels()]


def build(
    text: str,
    constants: Mapping[str, Array] | None = None,
    target: Target | None = None,
    show: bool = False,
    pool: ConstantPool | None = None,
    side: int | None = None,
) -> Program:
    target = target or host_target()
    module = lower(text, target, show, pool, side)
    constants = {**(constants or {}), **dict(() if pool is None else pool.items())}
    emitted = emit_cpu(module, target)
    code = compile_llvm(emitted.text, target)
    arrays = _constants(module, emitted.constant_keys, constants)
    if arrays:
        table = (ctypes.c_void_p * len(arrays)).from_address(code.address("tsc_constants"))
        for slot, array in enumerate(arrays):
            table[slot] = array.ctypes.data
    main = next(f for f in module.ops if isinstance(f, func.FuncOp) and "tsc.num_inputs" in f.attributes)
    count = main.attributes["tsc.num_inputs"].value.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    types: list[MemRefType[Any]] = [a.type for a in main.body.block.args]  # pyright: ignore[reportAssignmentType]
    entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(code.address("main"))
    arena = aligned(types[-1].get_shape()[0] + 64, np.uint8)
    arena[:] = 0xA5
    return Program(module, code, entry, arena, types[:count], types[count:-1], arrays)


def _constants(module: ModuleOp, keys: Sequence[str], given: Mapping[str, Array]) -> list[Array]:
    found = {op.sym_name.data: op for op in module.ops if isinstance(op, memref.GlobalOp)}
    result: list[Array] = []
    for key in keys:
        op = found[key]
        shape, encoding = op.attributes["tsc.type"], op.attributes["tsc.layout"]
        assert isinstance(shape, TensorType)
        element = element_of(op.type)
        layout = layout_of(TensorType(element, shape.get_shape(), encoding))
        if "tsc.constant" in op.attributes:
            name = str(getattr(op.attributes["tsc.constant"], "data", ""))
            array = given[re.sub(r"_\d+$", "", name)]  # xDSL renames a resource it has seen in another module
        else:
            assert isinstance(op.initial_value, DenseIntOrFPElementsAttr)
            numbers: list[Any] = list(op.initial_value.get_values())
            array = np.array(numbers, DTYPES[str(element)])
        packed = pack(np.asarray(array), layout)
        memory = aligned(packed.size, packed.dtype)
        memory[:] = packed
        result.append(memory)
    return result


def tensor_of(array: Array) -> torch.Tensor:
    """The array as a PyTorch tensor, for the reference."""
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]


def random(*shape: int, seed: int = 0) -> Array:
    """Seeded normal numbers."""
    return np.asarray(np.random.default_rng([seed, *shape]).standard_normal(shape), np.float32)


def assert_computes(
    text: str,
    inputs: Sequence[Array],
    expected: Array | Sequence[Array],
    constants: Mapping[str, Array] | None = None,
    tolerance: float = 2e-5,
) -> Program:
    """The module gives `expected` (within `tolerance` of its greatest number), also when run again."""
    program = build(text, constants)
    wanted = [expected] if isinstance(expected, np.ndarray | np.generic) else list(expected)
    program(*inputs)
    for got, want in zip(program(*inputs), map(np.asarray, wanted), strict=True):
        assert got.shape == want.shape
        scale = max(1.0, float(np.abs(want).max())) if want.size else 1.0
        np.testing.assert_allclose(
            got.astype(np.float64), want.astype(np.float64), rtol=0, atol=tolerance * scale
        )
    return program
