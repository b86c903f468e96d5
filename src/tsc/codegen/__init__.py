"""LLVM IR text out of the `loop` stage.

The flow: `emitter.emit_cpu` (or `ptx.emit_ptx`) walks the module once. Each op is written by the handler of
its family (`arith`, `conversions`, `math_ops`, `memory`, `vectors`, `control`) into a
`function_emitter.FunctionEmitter`, which keeps index values as affine sums (`affine`) and memrefs as records
of pointer, offset and strides, so that addresses share their variable part and end in a constant. Elementary
functions come from `math`, one always-inlined LLVM function per (function, type) used. `call_timing` adds
clocks to code that is profiled; `kernel_units` writes a program as several LLVM modules; `runtime/llvm.py`
optimizes the text, and `runtime/machine_code.py` loads it.
"""

from tsc.codegen.call_timing import CallTiming
from tsc.codegen.emitter import ALONE, EmittedModule, Linkage, emit_cpu
from tsc.codegen.kernel_units import KernelUnits, emit_host

__all__ = ["ALONE", "CallTiming", "EmittedModule", "KernelUnits", "Linkage", "emit_cpu", "emit_host"]
