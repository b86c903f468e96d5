"""An archive into what can be said of it without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tsc import dtypes
from tsc.ahead.arguments import require_method
from tsc.analysis.kernel_refusals import lacks_native_form
from tsc.archive.reader import Archive
from tsc.compiler.fusion_report import is_operator, operator_name
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimGetAttrOp, PrimSetAttrOp
from tsc.dialects.walking import walk
from tsc.dtypes import Array
from tsc.errors import ArgumentError, TscError
from tsc.frontend.archived import ArchiveProgram
from tsc.frontend.unit import MANGLED, ScriptObject
from tsc.modules.script_modules import loaded
from tsc.narrowing import is_array
from tsc.ops.registry import missing
from tsc.printing.columns import columns
from tsc.programs.specialization_table import size_text

MOST_LARGEST = 5
"""Tensors that are named as the largest."""


@dataclass(frozen=True)
class MethodFacts:
    """A method of the module."""

    name: str
    schema: str | None
    error: str | None
    """Why it cannot be compiled."""


@dataclass(frozen=True)
class TensorFacts:
    """Parameters, or buffers; one that several modules share counts once."""

    count: int
    elements: int
    bytes: int
    dtypes: dict[str, int]
    """How many of each."""
    largest: list[dict[str, Any]]
    """Name, dtype, shape and bytes."""

    @classmethod
    def of(cls, found: dict[str, Array]) -> TensorFacts:
        """Facts about tensors by name."""
        unique = {id(array): (name, array) for name, array in reversed(found.items())}
        arrays = [array for _, array in unique.values()]
        ordered = sorted(reversed(unique.values()), key=lambda pair: -pair[1].nbytes)
        largest = [
            {
                "name": name,
                "dtype": dtypes.by_numpy(array.dtype).name,
                "shape": list(array.shape),
                "bytes": array.nbytes,
            }
            for name, array in ordered[:MOST_LARGEST]
        ]
        counts = Counter(dtypes.by_numpy(array.dtype).name for array in arrays)
        sizes = sum(array.size for array in arrays), sum(array.nbytes for array in arrays)
        return cls(len(arrays), *sizes, dict(counts), largest)

    def lines(self, title: str) -> list[str]:
        """As text."""
        kinds = ", ".join(f"{count} {name}" for name, count in self.dtypes.items())
        first = f"{title}: {self.count}" + (f" ({kinds}), {self.elements} elements, " if self.count else "")
        rows = [(f"  {x['name']}", f"{x['dtype']}{x['shape']}", size_text(x["bytes"])) for x in self.largest]
        return [first + (size_text(self.bytes) if self.count else ""), *columns(rows)]


@dataclass(frozen=True)
class ModuleFacts:
    """A module below the root, or the root itself, whose name is empty."""

    name: str
    class_name: str
    parameters: int
    """Elements of its own parameters and of those below."""
    depth: int


@dataclass(frozen=True)
class Inspection:
    """What is in an archive; its `str` is a page of text."""

    file: str
    size_bytes: int
    format_version: int
    producer: str | None
    """What ``producer_info.json`` in the archive says; most have none."""
    serialization_id: str | None
    code_files: int
    code_files_with_source: int
    methods: list[MethodFacts]
    parameters: TensorFacts
    buffers: TensorFacts
    assigned: list[str]
    """Attributes that methods assign."""
    modules: list[ModuleFacts]
    operators: dict[str, int]
    undefined: list[str]
    no_native_form: list[str]

    def __str__(self) -> str:
        producer = self.producer or "not named"
        source = f"in {self.code_files_with_source} of {self.code_files} code files"
        lines = [
            f"{self.file}: {size_text(self.size_bytes)}, format version {self.format_version}",
            f"producer: {producer}; serialization id: {self.serialization_id or 'none'}",
            f"source lines: {source}",
            "methods:",
        ]
        lines += [f"  {m.name if m.schema is None else m.schema}" for m in self.methods]
        lines += [f"  {m.name} cannot be compiled: {m.error}" for m in self.methods if m.error is not None]
        lines += self.parameters.lines("parameters")
        lines += self.buffers.lines("buffers")
        lines.append(f"attributes that methods assign: {', '.join(self.assigned) or 'none'}")
        modules = [
            (f"{'  ' * m.depth}{m.name or '(root)'}", m.class_name, str(m.parameters)) for m in self.modules
        ]
        lines += ["", *columns([("module", "class", "parameters"), *modules])]
        operators = [(name, str(count), self._remark(name)) for name, count in self.operators.items()]
        return "\n".join([*lines, "", *columns([("operator", "count", ""), *operators])])

    def _remark(self, name: str) -> str:
        if name in self.undefined:
            return "no definition"
        return "no native form" if name in self.no_native_form else ""


def inspected(path: str, method: str | None, depth: int) -> Inspection:
    """What is in the archive at `path`; operators of `method`, or of all.

    Raises:
        ArgumentError: there is no such method.
        TscError: the archive is damaged, hostile, or not a TorchScript archive.
    """
    if depth < 0:
        raise ArgumentError(f"--depth: requires a number of at least 0; got {depth}")
    archive = Archive(path)
    module: Any = loaded(ArchiveProgram(archive))
    root: ScriptObject = module._object
    if method is not None:
        require_method(root.cls.methods, method)
    names = [name for name, _ in root.cls.methods.items() if method in (None, name)]
    methods, functions = _compiled(module, names)
    operators = [op for function in functions for op in walk(function) if is_operator(op)]
    counts = Counter(map(operator_name, operators))
    members = archive.container.names()
    code = [n for n in members if n.startswith("code/") and n.endswith(".py")]
    return Inspection(
        file=path,
        size_bytes=Path(path).stat().st_size,
        format_version=archive.version,
        producer=_text(archive, "extra/producer_info.json"),
        serialization_id=_text(archive, ".data/serialization_id"),
        code_files=len(code),
        code_files_with_source=sum(f"{n}.debug_pkl" in archive.container for n in code),
        methods=methods,
        parameters=TensorFacts.of(dict(_tensors(root, "parameters"))),
        buffers=TensorFacts.of(dict(_tensors(root, "buffers"))),
        assigned=sorted({_path(op) for f in functions for op in walk(f) if isinstance(op, PrimSetAttrOp)}),
        modules=list(_modules(root, depth)),
        operators=dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        undefined=missing(op.schema.full_name for op in operators if isinstance(op, AtenOp)),
        no_native_form=_without_native_form(operators),
    )


def _text(archive: Archive, member: str) -> str | None:
    return archive.container.text(member).strip() if member in archive.container else None


def _compiled(module: Any, names: Sequence[str]) -> tuple[list[MethodFacts], list[FuncOp]]:
    """The methods, and as functions, with all calls inlined, those that can be compiled."""
    facts, functions = list[MethodFacts](), list[FuncOp]()
    for name in names:
        schema = None
        try:
            method = module._method(name)
            schema = method.schema
            functions.append(method.inlined()[0])
        except TscError as error:
            facts.append(MethodFacts(name, schema, error.message))
        else:
            facts.append(MethodFacts(name, schema, None))
    return facts, functions


def _without_native_form(operators: Iterable[Operation]) -> list[str]:
    return sorted({operator_name(op) for op in operators if lacks_native_form(op) is not None})


def _path(op: PrimSetAttrOp) -> str:
    """``encoder.cache``: the attribute that is assigned."""
    names: list[str] = [op.attribute]
    owner: object = op.operands[0].owner
    while isinstance(owner, PrimGetAttrOp):
        names.append(owner.attribute)
        held: SSAValue = owner.operands[0]
        owner = held.owner
    return ".".join(reversed(names))


# --- objects ---


def _children(held: ScriptObject) -> Iterator[tuple[str, ScriptObject]]:
    for name, value in held.attributes.items():
        if isinstance(value, ScriptObject) and value.cls.kind == "module":
            yield name, value


def _tensors(held: ScriptObject, kind: str, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """The parameters or buffers of a module and of those below, with their paths."""
    own: frozenset[str] = getattr(held.cls, kind)
    for name, value in held.attributes.items():
        if name in own and is_array(value):
            yield prefix + name, value
    for name, child in _children(held):
        yield from _tensors(child, kind, f"{prefix}{name}.")


def _modules(held: ScriptObject, depth: int, name: str = "", level: int = 0) -> Iterator[ModuleFacts]:
    arrays = {id(array): array for _, array in _tensors(held, "parameters")}
    parts = [part for part in held.cls.name.split(".") if not part.startswith(MANGLED)]
    class_name = ".".join(parts).removeprefix("__torch__.")
    yield ModuleFacts(name, class_name, sum(array.size for array in arrays.values()), level)
    if level < depth:
        for child_name, child in _children(held):
            yield from _modules(child, depth, child_name, level + 1)
