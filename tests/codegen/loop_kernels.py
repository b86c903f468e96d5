"""Loop-stage IR for the tests: parse it, compile it for this machine, and call it on NumPy arrays."""

import ctypes
from functools import cache
from typing import Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from tsc.analysis.target import Target
from tsc.codegen import emit_cpu
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject, compile_llvm

Array = np.ndarray[Any, np.dtype[Any]]

MLIR = {
    "float32": "f32",
    "float64": "f64",
    "float16": "f16",
    "bfloat16": "bf16",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "bool": "i1",
}


def parse_loop(text: str) -> ModuleOp:
    """A module. xDSL 0.74 parses comparisons and conversions of vectors but does not verify them, so nothing
    is verified here.
    """
    context = Context()
    for name, factory in get_all_dialects().items():
        context.register_dialect(name, factory)
    return Parser(context, text).parse_module()


@cache
def compile_loop(text: str, target: Target | None = None) -> CompiledObject:
    """Machine code for a module of public functions."""
    host = host_target()
    return compile_llvm(emit_cpu(parse_loop(text), target or host).text, host)


def call(compiled: CompiledObject, name: str, *arrays: Array) -> None:
    """Call an exported function that takes only memrefs."""
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))(compiled.address(name))
    function(*[array.ctypes.data for array in arrays])


def call_main(
    compiled: CompiledObject, inputs: list[Array], outputs: list[Array], arena: Array | None = None
) -> None:
    """Call the host function through its tables."""
    tables = [
        (ctypes.c_void_p * max(1, len(group)))(*[a.ctypes.data for a in group]) for group in (inputs, outputs)
    ]
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        compiled.address("main")
    )
    function(tables[0], tables[1], arena.ctypes.data if arena is not None else None)


def elementwise(operation: str, count: int, operands: list[str], result: str, lanes: int) -> str:
    """A loop that applies `operation` (``{0}``, ``{1}``: operands, ``{v}``/``{r}``: their types) to arrays of
    `count` elements.

    `lanes` is 0 for scalars.
    """
    shape = f"{count}x"

    def of(element: str) -> str:
        return f"vector<{lanes}x{element}>" if lanes else element

    parameters = "".join(f"%a{i}: memref<{shape}{e}>, " for i, e in enumerate(operands))
    loads = "\n".join(
        f"%x{i} = vector.load %a{i}[%i] : memref<{shape}{e}>, {of(e)}"
        if lanes
        else f"%x{i} = memref.load %a{i}[%i] : memref<{shape}{e}>"
        for i, e in enumerate(operands)
    )
    store = f"vector.store %y, %o[%i] : memref<{shape}{result}>, {of(result)}"
    if not lanes:
        store = f"memref.store %y, %o[%i] : memref<{shape}{result}>"
    names = [f"%x{i}" for i in range(len(operands))]
    body = operation.format(*names, v=of(operands[-1]), r=of(result))
    return f"""
    func.func @kernel({parameters}%o: memref<{shape}{result}>) {{
      %c0 = arith.constant 0 : index
      %n = arith.constant {count} : index
      %step = arith.constant {max(1, lanes)} : index
      scf.for %i = %c0 to %n step %step {{
        {loads}
        %y = {body}
        {store}
      }}
      func.return
    }}"""


def apply(operation: str, operands: list[Array], result: np.dtype[Any] | type, lanes: int) -> Array:
    """Run `elementwise` on arrays."""
    dtype = np.dtype(result)
    count = operands[0].size
    text = elementwise(operation, count, [MLIR[a.dtype.name] for a in operands], MLIR[dtype.name], lanes)
    out = np.zeros(count, dtype)
    call(compile_loop(text), "kernel", *operands, out)
    return out
