"""The generic tier: a function of the IR becomes readable Python source, one statement per operation, and
runs on NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tsc.dialects.constants import ConstantPool
from tsc.errors import NestingError
from tsc.frontend.unit import Unit
from tsc.runtime.exceptions import explain
from tsc.runtime.operators import Operators
from tsc.runtime.python_writer import Kernels, PythonWriter, Runs

TOO_DEEP = ("too many statically nested blocks", "too many levels of indentation")
"""What Python says of blocks that nest deeper than it takes."""


class GenericFunction:
    """A function compiled for the generic tier; `source` is its Python text."""

    def __init__(
        self,
        function: FuncOp,
        pool: ConstantPool,
        unit: Unit,
        call: Callable[..., Any],
        kernels: Kernels | None = None,
        operators: Operators | None = None,
        parts: Mapping[Operation, Runs] | None = None,
        sizes: dict[str, int] | None = None,
    ) -> None:
        """`sizes` takes the sizes that the function finds, which what it calls may know."""
        writer = PythonWriter(pool, unit, call, kernels or {}, operators or Operators(), parts, sizes)
        self.name = function.sym_name.data
        try:
            self.source = writer.function(function)
            code = compile(self.source, f"<tsc generic tier: {self.name}>", "exec")
        except (RecursionError, SyntaxError, MemoryError) as error:
            if isinstance(error, SyntaxError) and not any(text in str(error) for text in TOO_DEEP):
                raise
            raise NestingError(f"{self.name}: blocks nest too deep for Python, which runs them") from None
        scope: dict[str, Any] = dict(writer.scope)
        exec(code, scope)  # our own generated text, names only
        self._run: Callable[..., Any] = scope["run"]
        self.origins = writer.origins
        """Operations by the lines of `source`."""
        self._eager = writer.eager

    def __call__(self, *arguments: object) -> Any:
        """Run on arrays and Python values.

        Raises:
            TscError: the program raised, or an operator failed; it carries the TorchScript stack.
        """
        try:
            return self._run(*arguments)
        except Exception as error:
            frame = self._frame_of(error)
            if frame is None:
                raise
            op = self.origins[frame.tb_lineno]
            explained = explain(self._told(error, op, frame), op, self.name)
            if explained is error:
                raise
            raise explained from error

    def _told(self, error: Exception, op: Operation, place: TracebackType) -> Exception:
        """`error`, or where Python written for an operator has raised it, what the operator says."""
        call = self._eager.get(op)
        if call is None or place.tb_next is not None:
            return error
        frame, file = place.tb_frame, place.tb_frame.f_code.co_filename
        try:
            operands = [compile(text, file, "eval") for text in call.operands]  # they are of the same text
            call.function(*(eval(code, frame.f_globals, frame.f_locals) for code in operands))
        except Exception as told:
            return told
        return error

    def _frame_of(self, error: BaseException) -> TracebackType | None:
        """Where in the generated text `error` was raised or passed through."""
        entry = error.__traceback__
        while entry is not None:
            if entry.tb_frame.f_code is self._run.__code__ and entry.tb_lineno in self.origins:
                return entry
            entry = entry.tb_next
        return None
