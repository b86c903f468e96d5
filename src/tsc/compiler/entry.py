"""`Entry`: a function ready to be specialized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from tsc.dialects.constants import ConstantPool
from tsc.frontend.unit import Unit


@dataclass(eq=False)
class Entry:
    """A function at stage `frozen`, with the arrays of its constants."""

    module: ModuleOp
    name: str
    pool: ConstantPool
    unit: Unit
    fuses_contractions: bool = True
    """Whether contractions are fused with what follows them."""

    @property
    def function(self) -> FuncOp:
        """The function's operation."""
        return next(f for f in self.module.ops if isinstance(f, FuncOp) and f.sym_name.data == self.name)

    @property
    def arguments(self) -> Sequence[SSAValue]:
        """The function's arguments."""
        return self.function.body.block.args

    def alone(self) -> ModuleOp:
        """A copy of the function in a module of its own, in which it is what others call."""
        function = self.function.clone()
        function.sym_visibility = None
        return ModuleOp([function])
