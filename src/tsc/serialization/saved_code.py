"""The code files of an archive: the classes and functions a program needs, printed where the archive's reader
looks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xdsl.dialects.func import FuncOp

from tsc.archive.debug_ranges import encode_ranges
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.errors import NotSupportedError, SourceRange
from tsc.frontend.unit import Class, Function, Unit
from tsc.printing.class_text import print_class
from tsc.printing.function_text import graph_of, signature_of
from tsc.printing.graph import Graph, Place
from tsc.printing.python import CodePrinter
from tsc.printing.source_literals import ranges_of
from tsc.printing.tables import ConstantTable, Dependencies

OPERATOR_VERSIONS = {
    "aten::div": 4, "aten::div_": 4, "aten::full": 5, "aten::linspace": 8, "aten::logspace": 9,
    "aten::gelu": 10,
}  # fmt: skip
"""The format version from which an operator has its present meaning.
Source: PyTorch, torch/csrc/jit/operator_upgraders/version_map.cpp.
"""
OLDEST_VERSION = 3
Body = Callable[[Function], tuple[FuncOp, ConstantPool]]
"""The operation to print for a function, and the arrays of its constants."""


class CodeFiles:
    """Prints classes and functions, and what they refer to, until nothing is missing."""

    def __init__(self, unit: Unit, body: Body) -> None:
        self.unit = unit
        self.body = body
        self.constants = ConstantTable()
        self.used = Dependencies(self._name_of_function)
        self.version = OLDEST_VERSION
        self._ranges: dict[Place, SourceRange] = {}
        self._printers: dict[str, CodePrinter] = {}
        self._done: set[str] = set()
        self._names: dict[str, str] = {}
        self._methods: dict[str, list[Function]] = {}
        self._classes: dict[str, Class] = {}

    # --- what to print ---

    def add_class(self, cls: Class, methods: list[Function]) -> None:
        """`cls` is needed, with `methods`."""
        self._classes[cls.name] = cls
        self._methods[cls.name] = methods
        kind = {"module": tt.ModuleType, "interface": tt.InterfaceType}.get(cls.kind, tt.ClassType)
        self.used.classes.setdefault(cls.name, kind(cls.name))

    def print_all(self) -> None:
        """Print everything asked for, and everything that mentions."""
        while True:
            pending = [n for n in (*self.used.classes, *self.used.functions) if n not in self._done]
            if not pending:
                return
            for name in pending:
                self._done.add(name)
                if name in self.used.classes:
                    self._class(name)
                else:
                    self._function(self.unit.functions[name], None)

    def _class(self, name: str) -> None:
        if name.startswith("__torch__.torch.classes"):
            raise NotSupportedError(f"save: custom C++ class {name} cannot be saved")
        cls = self._classes.get(name) or self.unit.class_named(name)
        methods = self._methods.get(name)
        if methods is None:
            listed = cls.methods.values() if cls.kind in ("class", "interface") else ()
            methods = [m for m in listed if m.self_type is not None]
        out = self._printer(name)
        print_class(out, cls, methods, lambda method: self._function(method, out))

    def _function(self, function: Function, out: CodePrinter | None) -> None:
        op, pool = self.body(function)
        graph = graph_of(function, op, pool)
        self._note_version(graph)
        self._ranges.update(ranges_of(function))
        printer = out or self._printer(self._name_of_function(function.name))
        signature = signature_of(function, with_self_type=True)
        printer.function(graph, signature, self._name_of_function(function.name).rpartition(".")[2])

    def _note_version(self, graph: Graph) -> None:
        for node in graph.top.walk():
            if node.operator == "prim::PythonOp":
                name = node.s("name").rpartition(".")[2]
                raise NotSupportedError(
                    f"save: Python function '{name}', called at {node.sourceRange()}, is ignored by the "
                    "compiler and cannot be saved"
                )
            self.version = max(self.version, OPERATOR_VERSIONS.get(node.operator, OLDEST_VERSION))

    # --- where to print it ---

    def _name_of_function(self, name: str) -> str:
        """The name a function has in the archive: a static method becomes a function beside its class."""
        if name not in self._names:
            prefix, _, short = name.rpartition(".")
            function = self.unit.functions.get(name)
            is_static = prefix in self.unit.classes and function is not None and function.self_type is None
            self._names[name] = f"{prefix}_{short}" if is_static else name
        return self._names[name]

    def _printer(self, qualified_name: str) -> CodePrinter:
        module = qualified_name.rpartition(".")[0]
        if module not in self._printers:
            self._printers[module] = CodePrinter(self.constants, self.used)
        return self._printers[module]

    def texts(self) -> Iterator[tuple[str, str, bytes]]:
        """Each file: its name below ``code/``, its text, and the pickle of the source ranges behind it."""
        for module, printer in self._printers.items():
            name = f"{module.replace('.', '/')}.py"
            ranges = {i: self._ranges[place] for i, place in printer.places if place in self._ranges}
            yield name, printer.text(), encode_ranges(printer.lines, ranges)


def methods_to_save(cls: Class, reached: set[Function]) -> list[Function]:
    """The methods of `cls` that are in `reached`, each once, in the order of the class."""
    chosen: dict[str, Function] = {}
    for method in cls.methods.values():
        if method in reached and method.self_type is not None:
            chosen.setdefault(method.short_name, method)
    return list(chosen.values())
