"""`Frozen`: the methods of a frozen module, and which of its attributes and methods are still there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.torch_ops import PrimGetAttrOp, PrimSetAttrOp
from tsc.dialects.walking import walk
from tsc.frontend.unit import Class, ScriptObject


class Frozen:
    """What `freeze` makes of `root`: the module at stage `frozen`, and what is left of its objects."""

    def __init__(
        self, root: ScriptObject, module: ModuleOp, pool: ConstantPool, preserved: Sequence[str] = ()
    ) -> None:
        self.module = module
        self.pool = pool
        self.preserved = tuple(preserved)
        self.functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
        self._whole: set[str] = set()
        """The classes of objects that stay as they are."""
        self._kept: defaultdict[str, set[str]] = defaultdict(set)
        """The names that stay, by class."""
        self._keep(root)

    def is_visible(self, cls: Class, name: str) -> bool:
        """Whether objects of `cls` still have the attribute or method `name`."""
        return cls.name in self._whole or name in self._kept[cls.name]

    def entries(self, cls: Class) -> dict[str, tuple[FuncOp, ConstantPool]]:
        """The methods of `cls` as they were frozen."""
        frozen = {n: self.functions.get(m.name) for n, m in cls.methods.items()}
        return {name: (op, self.pool) for name, op in frozen.items() if op is not None}

    def _keep(self, root: ScriptObject) -> None:
        """Keep the frozen methods, what they still read, write or hand on, and what is preserved."""
        self._kept[root.cls.name].update(n for n, m in root.cls.methods.items() if m.name in self.functions)
        objects = {held.cls.name: held for held in _modules(root)}
        for function in self.functions.values():
            for op in walk(function):
                for operand in op.operands:
                    if not isinstance(operand.type, tt.ModuleType):
                        continue
                    if isinstance(op, (PrimGetAttrOp, PrimSetAttrOp)) and operand is op.operands[0]:
                        self._kept[operand.type.data].add(op.attribute)
                    elif not _is_self(operand, function):
                        self._keep_whole(objects[operand.type.data])
        for path in self.preserved:
            self._preserve(root, path.split("."))

    def _preserve(self, held: ScriptObject, path: Sequence[str]) -> None:
        name, *rest = path
        self._kept[held.cls.name].add(name)
        inner = held.attributes.get(name)
        if isinstance(inner, ScriptObject) and rest:
            self._preserve(inner, rest)
        elif isinstance(inner, ScriptObject):
            self._keep_whole(inner)

    def _keep_whole(self, held: ScriptObject) -> None:
        self._whole.update(below.cls.name for below in _modules(held))


def _is_self(value: SSAValue, function: FuncOp) -> bool:
    """Whether `value` is the module whose method `function` is."""
    return bool(function.body.block.args) and value is function.body.block.args[0]


def _modules(root: ScriptObject) -> Iterator[ScriptObject]:
    """`root` and the modules below it."""
    yield root
    for value in root.attributes.values():
        if isinstance(value, ScriptObject) and value.cls.kind == "module":
            yield from _modules(value)
