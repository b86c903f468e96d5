"""Holds every pass to what the function did before it, on the arguments of one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from tsc.analysis.fusion import CHECKS_BOUNDS
from tsc.analysis.operator_effects import not_repeatable
from tsc.dialects.constants import ConstantPool
from tsc.dialects.torch_ops import PrimSetAttrOp
from tsc.dialects.walking import walk
from tsc.dtypes import Array
from tsc.errors import OPERATOR_FAILURES, UnsuitedError, VerificationError
from tsc.frontend.unit import Unit
from tsc.runtime.result_forms import ResultForm
from tsc.verification.comparing import Outcome, difference
from tsc.verification.stages import Call, run_linalg, run_torch

INTERPRETED = ("frozen", "value", "fused", "linalg")
"""The stages that are run without compiling them; of stage `loop` the native code is."""


NATIVE = "native"
"""What is at fault where no pass is: stage `loop`, or the code made of it."""


def words_of(stage: str, culprit: str) -> str:
    """After what a function was run."""
    return "stage 'loop' or code generation" if culprit == NATIVE else f"pass '{culprit}' of stage '{stage}'"


def verification_error(
    name: str, stage: str, culprit: str, wrong: str, origin: object = None
) -> VerificationError:
    """What says that a function does something else after a pass."""
    error = VerificationError(f"{name}: {words_of(stage, culprit)} changes what the function does: {wrong}")
    error.stage, error.culprit, error.origin = stage, culprit, origin
    return error


class Verifier:
    """Runs one function after every pass, and compares with the run before. `call` runs other functions of
    the program.
    """

    def __init__(
        self, name: str, pool: ConstantPool, unit: Unit, arguments: Sequence[Array], call: Call,
        origin: object = None,
    ) -> None:  # fmt: skip
        """`origin` is handed on in the error."""
        self.origin = origin
        self.name, self.pool, self.unit = name, pool, unit
        self.given = arguments
        self.call = call
        self.last: Outcome | None = None
        self.form = ResultForm(None)
        self.has_flag = False
        self.dtypes: tuple[np.dtype[Any], ...] = ()
        """Those of the arrays that the function returns."""
        self.checked: list[str] = []
        """What the function was run after."""

    def check(self, stage: str, compiler_pass: ModulePass, module: ModuleOp) -> None:
        """Run `module`, which `compiler_pass` has just changed.

        Raises:
            VerificationError: it does not do what it did before.
        """
        if stage not in INTERPRETED or not (stage == "linalg" or _can_repeat(module)):
            return
        self._compare(self._run(stage, module), stage, compiler_pass.name)

    def check_native(self, native: Callable[..., Any]) -> None:
        """Run the native code made of what was checked last.

        Raises:
            VerificationError: it does not do what the function did at stage `linalg`.
        """
        if self.last is not None:
            self._compare(
                self._outcome(lambda arrays: self._cut(_listed(native(*arrays)), arrays)),
                "loop",
                NATIVE,
            )

    def _compare(self, outcome: Outcome, stage: str, culprit: str) -> None:
        if outcome.is_unsuited:
            return  # from here on the generic tier would do this call
        wrong = None if self.last is None else difference(self.last, outcome)
        if wrong is not None:
            raise verification_error(self.name, stage, culprit, wrong, self.origin)
        self.last = outcome
        self.checked.append(words_of(stage, culprit))

    def _run(self, stage: str, module: ModuleOp) -> Outcome:
        if stage == "linalg":
            return self._outcome(
                lambda arrays: self._put_together(self._signed(run_linalg(module, arrays, self.pool)), arrays)
            )
        function = next(f for f in module.ops if isinstance(f, FuncOp))
        self.form = ResultForm.of(function)
        self.has_flag = CHECKS_BOUNDS in function.attributes

        def run(arrays: Sequence[Array]) -> Any:
            result = run_torch(module, arrays, self.pool, self.unit, self.call)
            if self.form.structure is None and not self.form.written:
                return result
            results = _listed(result)
            if self.form.structure is not None:
                self.dtypes = tuple(r.dtype for r in results)
            return self._put_together(results, arrays)

        return self._outcome(run)

    def _cut(self, results: list[Any], arrays: Sequence[Array]) -> Any:
        """What native code gives, put together."""
        return self._put_together(self.form.cut(results, arrays), arrays)

    def _put_together(self, results: list[Any], arrays: Sequence[Array]) -> Any:
        if self.has_flag and results[-1]:
            raise UnsuitedError("the generic tier is needed")
        return self.form.complete(results, arrays, self.unit)

    def _signed(self, results: Sequence[Array]) -> list[Array]:
        """Results of `linalg`, whose integers have no sign of their own and whose complex numbers are pairs,
        as the function returns them.
        """
        return [typed(r, t) for r, t in zip(results, self.dtypes, strict=True)]

    def _outcome(self, run: Callable[[Sequence[Array]], Any]) -> Outcome:
        arrays = [np.array(a, order="K") for a in self.given]
        try:
            return Outcome(run(arrays), arrays)
        except UnsuitedError:
            return Outcome(is_unsuited=True)
        except OPERATOR_FAILURES as error:
            return Outcome(error=str(error).strip().splitlines()[-1])


def typed(result: Array, dtype: np.dtype[Any]) -> Array:
    """What stage `linalg` gives as an array of a dtype: unsigned, or complex."""
    if dtype.kind == "c":
        return np.ascontiguousarray(result).view(dtype)[..., 0]
    return result.view(dtype) if dtype == np.uint8 else result


def _listed(result: object) -> list[Any]:
    return list(cast("tuple[Any, ...]", result)) if isinstance(result, tuple) else [result]


def _can_repeat(module: ModuleOp) -> bool:
    """Whether running the function again does nothing that lasts, and is the same each time; before stage
    `linalg`, where calls are of kernels.
    """
    return not_repeatable(module) is None and not any(isinstance(op, PrimSetAttrOp) for op in walk(module))
