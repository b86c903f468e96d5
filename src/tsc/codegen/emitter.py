"""A module of the `loop` stage to LLVM IR text: one walk, one method per op."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Attribute, Block, SSAValue

from tsc.analysis.builtin_types import is_integer, is_memref
from tsc.analysis.module_functions import is_kernel
from tsc.analysis.target import Target
from tsc.codegen import arith, control, conversions, math_ops, memory, vectors
from tsc.codegen.call_timing import CallTiming
from tsc.codegen.function_emitter import Buffer, FunctionEmitter, strides_of
from tsc.codegen.math.library import MathLibrary
from tsc.codegen.types import llvm_type, size_bytes
from tsc.errors import CodegenError

Handler = Callable[[FunctionEmitter, Any], None]

CONSTANTS = "tsc_constants"
"""The table of constant addresses (``[N x ptr]``), filled by the runtime after loading."""
POOL = "tsc_pool"
"""The slot for the address of the thread pool's control block; null runs everything serially."""


@dataclass(frozen=True)
class Linkage:
    """The names that a module shares with what fills its tables and calls it."""

    constants: str = CONSTANTS
    """Its table of constants."""
    pool: str = f"@{POOL} = dso_local global ptr null"
    """The slot for the thread pool, as it is defined or declared."""
    visibility: str = ""
    """Who sees the functions that it exports, and that table: ``hidden `` from all but what it is linked
    with.
    """
    kernels: str = "internal "
    """Who sees its kernels."""


ALONE = Linkage()
"""Of a module that is loaded by itself."""


@dataclass(frozen=True)
class EmittedModule:
    """LLVM IR text, and what the runtime needs to know to load and call it."""

    text: str
    constant_keys: tuple[str, ...]
    """Which constant each entry of ``@tsc_constants`` points to."""
    entries: tuple[str, ...]
    """The exported functions."""
    is_parallel: bool
    """Whether ``@tsc_pool`` exists."""


@cache
def handlers() -> Mapping[str, Handler]:
    """What emits each op, by name: xDSL's vector-less ops and our wider ones of the same name are one op
    here.
    """
    families = (
        arith.HANDLERS,
        conversions.HANDLERS,
        math_ops.HANDLERS,
        memory.HANDLERS,
        vectors.HANDLERS,
        control.HANDLERS,
    )
    return {op.name: handler for family in families for op, handler in family.items()}


@dataclass
class ModuleEmitter:
    """Collects the functions, declarations and tables of one LLVM module."""

    target: Target
    functions: list[str] = field(default_factory=list[str])
    declarations: dict[str, str] = field(default_factory=dict[str, str])
    constants: dict[str, int] = field(default_factory=dict[str, int])
    globals: dict[str, str] = field(default_factory=dict[str, str])
    entries: list[str] = field(default_factory=list[str])
    metadata: list[str] = field(default_factory=list[str])
    symbols: dict[str, func.FuncOp] = field(default_factory=dict[str, func.FuncOp])
    linkage: Linkage = ALONE
    timing: CallTiming | None = None
    """Measures the calls of kernels, in code that is made to be profiled."""
    math: MathLibrary = field(init=False)

    def __post_init__(self) -> None:
        self.math = MathLibrary(self.target)

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> None:
        """Declare an intrinsic or external function, once."""
        if name not in self.declarations and not name.startswith("tsc."):
            self.declarations[name] = f"declare {result} @{name}({', '.join(arguments)})"

    def add_metadata(self, text: str) -> str:
        """Add a metadata node and return its reference. ``{self}`` in `text` is the node itself."""
        reference = f"!{len(self.metadata)}"
        self.metadata.append(f"{reference} = {text.format(self=reference)}")
        return reference

    def constant_slot(self, key: str) -> int:
        """The place of constant `key` in the table."""
        return self.constants.setdefault(key, len(self.constants))

    def handlers(self) -> Mapping[str, Handler]:
        """What this target's ops are emitted by."""
        return handlers()

    def ops(self, function: FunctionEmitter, block: Block) -> None:
        """Emit the ops of `block` in order."""
        table = self.handlers()
        for op in block.ops:
            handler = table.get(op.name)
            if handler is None:
                raise CodegenError(f"codegen: requires an op of the loop stage; got {op.name}")
            handler(function, op)

    def get_global(self, function: FunctionEmitter, op: memref.GetGlobalOp) -> Buffer:
        """The buffer of a constant: its address lies in the table."""
        type_ = memory.type_of(op.memref)
        slot = self.constant_slot(op.name_.root_reference.data)
        cell = f"getelementptr (ptr, ptr @{self.linkage.constants}, i64 {slot})"
        pointer = function.emit(f"load ptr, ptr {cell}, !invariant.load !{self._empty()}")
        offset = function.argument_buffer(type_, pointer).offset
        return Buffer(
            pointer, type_.element_type, strides_of(type_), offset, 0, True, size_bytes(type_.element_type)
        )

    def allocate(
        self, function: FunctionEmitter, type_: MemRefType[Attribute], op: memref.AllocaOp
    ) -> Buffer:
        """Memory for `memref.alloca`: the stack, where a target has no other place for it."""
        return memory.allocate_on_stack(function, type_, op)

    def _empty(self) -> int:
        if "!{}" not in (line.partition("= ")[2] for line in self.metadata):
            self.add_metadata("!{{}}")
        return next(i for i, line in enumerate(self.metadata) if line.endswith("= !{}"))

    # Functions

    def function(self, op: func.FuncOp) -> None:
        """Emit a kernel, or the host function."""
        if op.is_declaration:
            raise CodegenError(f"func.func: requires a body; got the declaration of {op.sym_name.data}")
        if is_kernel(op):
            self._kernel(op, self.linkage.kernels, "noinline nounwind")
        elif "tsc.num_inputs" in op.attributes:
            self._host(op)
        else:
            self.entries.append(op.sym_name.data)
            self._kernel(op, "", "nounwind")

    def declare_kernel(self, op: func.FuncOp) -> None:
        """Declare a kernel that another module defines."""
        kinds = [
            "ptr" if isinstance(kind, MemRefType) else llvm_type(kind) for kind in op.function_type.inputs
        ]
        name = op.sym_name.data
        self.declarations[name] = f'declare hidden {self.result_type(op)} @"{name}"({", ".join(kinds)})'

    def _kernel(self, op: func.FuncOp, linkage: str, attributes: str) -> None:
        function = FunctionEmitter(self, may_alias="tsc.may_alias" in op.attributes)
        parameters = [function.argument(argument) for argument in op.body.block.args]
        result = self.result_type(op)
        self.ops(function, op.body.block)
        self.write(f'{linkage}{result} @"{op.sym_name.data}"', parameters, attributes, function)

    def result_type(self, op: func.FuncOp) -> str:
        """The LLVM result type of a function: void or one scalar."""
        results = op.function_type.outputs.data
        if len(results) > 1 or any(isinstance(r, MemRefType) for r in results):
            raise CodegenError(
                f"func.func: requires at most one scalar result at the loop stage; got {results}"
            )
        return llvm_type(results[0]) if results else "void"

    def _host(self, op: func.FuncOp) -> None:
        """``void main(ptr inputs, ptr outputs, ptr arena)``: the pointers of arguments and results come in
        tables.
        """
        function = FunctionEmitter(self, may_alias=True)
        count = op.attributes["tsc.num_inputs"]
        if not is_integer(count):
            raise CodegenError(f"tsc.num_inputs: requires an integer; got {count}")
        *tensors, arena = op.body.block.args
        for position, argument in enumerate(tensors):
            table, slot = (
                ("%in", position) if position < count.value.data else ("%out", position - count.value.data)
            )
            cell = function.emit(f"getelementptr ptr, ptr {table}, i64 {slot}")
            self._host_argument(function, argument, function.emit(f"load ptr, ptr {cell}"))
        self._host_argument(function, arena, function.emit("getelementptr i8, ptr %arena, i64 0"))
        self.ops(function, op.body.block)
        self.entries.append(op.sym_name.data)
        head = f'{self.linkage.visibility}void @"{op.sym_name.data}"'
        if self.timing is not None:
            head = self.timing.host(op.sym_name.data)
        self.write(head, ["ptr %in", "ptr %out", "ptr %arena"], "nounwind", function)

    def _host_argument(self, function: FunctionEmitter, value: SSAValue, pointer: str) -> None:
        if not is_memref(value.type):
            raise CodegenError(f"func.func @main: requires memref arguments; got {value.type}")
        function.define_buffer(value, function.argument_buffer(value.type, pointer))

    def write(self, head: str, parameters: Sequence[str], attributes: str, function: FunctionEmitter) -> None:
        """Add a finished function to the module."""
        width = f'"prefer-vector-width"="{self.target.vector_bits}"'
        body = "\n".join(function.body())
        self.functions.append(f"define {head}({', '.join(parameters)}) {attributes} {width} {{\n{body}\n}}")

    def text(self) -> str:
        """The whole module."""
        math = self.math.text()
        parts = [f'target triple = "{self.target.triple}"', *self.globals.values()]
        if self.constants:
            head = f"@{self.linkage.constants} = dso_local {self.linkage.visibility}global"
            parts.append(f"{head} [{len(self.constants)} x ptr] zeroinitializer")
        declared = {**self.math.declarations, **self.declarations}
        timing = () if self.timing is None else (self.timing.text(),)
        return "\n".join([*parts, *declared.values(), *math, *timing, *self.functions, *self.metadata, ""])


def emit_module(module: ModuleOp, emitter: ModuleEmitter, elsewhere: Collection[str] = ()) -> EmittedModule:
    """Walk `module` with `emitter`; the kernels `elsewhere` are only declared."""
    functions = [op for op in module.ops if isinstance(op, func.FuncOp)]
    emitter.symbols.update({op.sym_name.data: op for op in functions})
    for op in functions:
        if op.sym_name.data in elsewhere:
            emitter.declare_kernel(op)
        else:
            emitter.function(op)
    unknown = [op.name for op in module.ops if not isinstance(op, func.FuncOp | memref.GlobalOp)]
    if unknown:
        raise CodegenError(
            f"codegen: requires func.func and memref.global at the top level; got {unknown[0]}"
        )
    return EmittedModule(
        emitter.text(), tuple(emitter.constants), tuple(emitter.entries), POOL in emitter.globals
    )


def emit_cpu(
    module: ModuleOp, target: Target, linkage: Linkage = ALONE, timing: CallTiming | None = None
) -> EmittedModule:
    """LLVM IR for the CPU described by `target`, to be linked as `linkage` says; with `timing`, calls of
    kernels are measured.

    Raises:
        CodegenError: the module holds something outside the loop stage.
    """
    return emit_module(module, ModuleEmitter(target, linkage=linkage, timing=timing))
