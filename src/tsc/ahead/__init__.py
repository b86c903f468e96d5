"""Ahead of time: methods of a module into a shared library with a C header, without Python and LLVM.

`program` takes the methods down to LLVM IR, once for each level of processor (`levels`), and says in a `plan`
what goes where in a call. The library's own code (what checks arguments, keeps instances, and calls the
methods) is LLVM IR text too: the files that end in ``_ir`` write it, with `ir_text`. `library` assembles all
of it and links it.
"""

from tsc.ahead.library import BuiltLibrary, LibraryRequest, build_library
from tsc.ahead.program import MethodRequest

__all__ = ["BuiltLibrary", "LibraryRequest", "MethodRequest", "build_library"]
