"""PTX text out of `gpu.func` kernels at the `loop` stage."""

from tsc.codegen.ptx.ptx_emitter import emit_ptx

__all__ = ["emit_ptx"]
