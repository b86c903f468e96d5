"""LLVM IR text out of the `loop` stage.

The flow: `emitter.emit_cpu` (or `ptx.emit_ptx`) walks the module once. Each op is written by the handler of
its family (`arith`, `conversions`, `math_ops`, `memory`, `vectors`, `control`) into a
`function_emitter.FunctionEmitter`, which keeps index values as affine sums (`affine`) and memrefs as records
of pointer, offset and strides, so that addresses share their variable part and end in a constant. Elementary
functions come from `math`, one always-inlined LLVM function per (function, type) used. `runtime/jit.py`
optimizes and loads the text.
"""

from tsc.codegen.emitter import ALONE, EmittedModule, Linkage, emit_cpu

__all__ = ["ALONE", "EmittedModule", "Linkage", "emit_cpu"]
