"""One pass per file: the module ``fold_conv_batchnorm`` has the class ``FoldConvBatchnorm`` with the name
``fold-conv-batchnorm``. Here is what passes have in common.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

MOST_ROUNDS = 64
"""After so many rounds of a fixed point the IR is taken as it is, which is valid in any round."""


class Rewriting(ModulePass):
    """A pass that says whether it changed something, and so can be part of a fixed point."""

    @abstractmethod
    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite `module`; whether anything changed."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite the module."""
        self.rewrite(ctx, op)


@dataclass(frozen=True)
class FixedPoint(ModulePass):
    """Run `passes` in turn until none of them changes anything."""

    name = "fixed-point"
    passes: tuple[Rewriting, ...] = ()
    once_settled: tuple[Rewriting, ...] = ()
    """Those that are run, one after the other, when none of `passes`, nor one before it, changes anything:
    after one that does, all begins anew.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run the rounds."""
        self.rounds(lambda rewriting: rewriting.rewrite(ctx, op))

    def rounds(self, run: Callable[[Rewriting], bool]) -> None:
        """The rounds, in which `run` runs a pass and says whether it changed something."""

        def one_round() -> bool:
            changed = False
            for rewriting in self.passes:
                changed |= run(rewriting)
            return changed or any(map(run, self.once_settled))

        settle(one_round)


def settle(one_round: Callable[[], bool]) -> None:
    """Repeat `one_round` until it changes nothing."""
    for _ in range(MOST_ROUNDS):
        if not one_round():
            return
    logging.getLogger("tsc").debug("a fixed point was left after %d rounds", MOST_ROUNDS)


def fixed_point(*passes: Rewriting, once_settled: tuple[Rewriting, ...] = ()) -> FixedPoint:
    """The passes repeated until nothing changes, those in `once_settled` where the others change nothing."""
    return FixedPoint(passes, once_settled)
