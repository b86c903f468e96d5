"""Context managers and switches around fusion; they mean something to compiled code only where they say
so.
"""

from __future__ import annotations

from types import TracebackType

from tsc.options import options


class _Context:
    """A context that does nothing while Python runs; compiled code accepts it."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class strict_fusion(_Context):  # noqa: N801 - PyTorch's name
    """``with strict_fusion():`` in compiled code: what is in the block must become native code.

    A function is refused when it is compiled for arguments (at its first call with such; a module that is not
    frozen at the second) if an operator in the block, or in a function called there, would run in Python.
    Views of no cost and what is folded are no such operators. Calls for which nothing is compiled are not
    refused: with ``TSC_NATIVE=0``, where PyTorch records gradients, for shapes beyond those of
    `set_fusion_strategy`. In Python it does nothing.

    Raises:
        StrictFusionError: (a RuntimeError) it names the operators and their lines.
    """

    __tsc_builtin__ = "form::strict_fusion"


class fuser(_Context):  # noqa: N801 - PyTorch's name
    """``with fuser("fuser1"):``: accepted; there is one fuser."""

    __tsc_builtin__ = "form::fuser"


class optimized_execution(_Context):  # noqa: N801 - PyTorch's name
    """``with optimized_execution(False):``: accepted; what is compiled is always optimized."""

    __tsc_builtin__ = "form::optimized_execution"


def enable_onednn_fusion(enabled: bool) -> None:
    """Whether contractions (products of matrices, convolutions) are fused with the pointwise operators that
    follow them, in functions that are not frozen and run for the first time from now on.

    Off at first, as in PyTorch. In what was frozen they always are.
    """
    options().is_contraction_fusion_enabled = bool(enabled)


def onednn_fusion_enabled() -> bool:
    """What `enable_onednn_fusion` was last given."""
    return options().is_contraction_fusion_enabled
