"""Which function a call runs, in a module with its classes."""

from __future__ import annotations

from collections.abc import Set

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Operation

from tsc.dialects.torch_objects import ENTERS, LEAVES
from tsc.dialects.torch_ops import ClassTypeOp, MethodOp, PrimCallMethodOp


class Methods:
    """The functions of a module, by the names they are called by."""

    def __init__(self, module: ModuleOp) -> None:
        self.module = module
        self.functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
        self._methods = {
            (cls.symbol, method.method): method.function
            for cls in module.ops
            if isinstance(cls, ClassTypeOp)
            for method in cls.regions[0].block.ops
            if isinstance(method, MethodOp)
        }

    def callee(self, op: Operation) -> FuncOp | None:
        """The function a call names, when it is known; calls of ``__enter__`` and ``__exit__`` by a ``with``
        name none.
        """
        if isinstance(op, CallOp):
            return self.functions.get(op.callee.root_reference.data)
        if isinstance(op, PrimCallMethodOp) and not {ENTERS, LEAVES} & op.attributes.keys():
            kind = op.operands[0].type
            name = self._methods.get((getattr(kind, "data", ""), op.method))
            return self.functions.get(name) if name is not None else None
        return None

    def drop(self, gone: Set[FuncOp]) -> None:
        """Erase functions that nobody calls, and what classes say of them."""
        names = {f.sym_name.data for f in gone}
        for function in gone:
            function.detach()
            function.erase()
        for cls in self.module.ops:
            if isinstance(cls, ClassTypeOp):
                for method in list(cls.regions[0].block.ops):
                    if isinstance(method, MethodOp) and method.function in names:
                        method.detach()
                        method.erase()
