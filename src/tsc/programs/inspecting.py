"""What script functions and modules show of themselves: their IR, and PyTorch's ``.graph`` and ``.code``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tsc import pipeline
from tsc.analysis.target import Target as Machine
from tsc.archive.writer import Record, Target, archive_bytes, write_archive
from tsc.compiler.entry import Entry
from tsc.compiler.native_text import DEFAULT_ARCH, NATIVE_TEXTS, machine_of
from tsc.concurrency import serialized
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.dialects.mlir_text import mlir_text, weights_text
from tsc.errors import CompileError
from tsc.frontend.object_graph import assemble
from tsc.frontend.unit import Function, ScriptObject, Unit, without_mangling
from tsc.passes.inline import Inline
from tsc.printing.function_text import ConstantMap, code_of, graph_of
from tsc.printing.graph import Graph
from tsc.programs.function_schema import FunctionSchema
from tsc.programs.showing import page, summary
from tsc.programs.specialization_table import SpecializationTable


class HasStages(Protocol):
    """What `StageTexts` asks."""

    def program_at(self, stage: str, target: Machine | None = None) -> tuple[ModuleOp, ConstantPool]:
        """The module at a stage, scheduled for a machine, and its constants."""
        ...


class StageTexts:
    """``f.ir["fused"]``: the IR of a function at each stage, made when asked for; ``f.ir["llvm"]``,
    ``f.ir["asm"]`` and ``f.ir["ptx"]`` are what stage `loop` becomes.
    """

    def __init__(self, owner: HasStages) -> None:
        self._owner = owner

    def __repr__(self) -> str:
        return f"<IR at each stage: {', '.join((*pipeline.STAGE_NAMES, *NATIVE_TEXTS))}>"

    def __getitem__(self, stage: str) -> str:
        if stage in NATIVE_TEXTS:
            return NATIVE_TEXTS[stage](self._owner.program_at("loop", machine_of(stage))[0], DEFAULT_ARCH)
        return mlir_text(self._owner.program_at(stage)[0])

    def with_weights(self, stage: str) -> str:
        """The IR at a stage with the arrays of its constants behind it, as other tools of MLIR want them. (At
        stage `loop` constants are packed for this machine, and are not in the text.)
        """
        module, pool = self._owner.program_at(stage)
        return f"{mlir_text(module)}\n\n{weights_text(module, pool)}"

    def keys(self) -> Iterator[str]:
        """The stages."""
        return iter(pipeline.STAGE_NAMES)

    __iter__ = keys


class Inspectable:
    """A function or method that shows its graph and its code."""

    function: Function
    receiver: ScriptObject | None
    entry: Entry | None

    @property
    def unit(self) -> Unit:
        """The unit the function belongs to."""
        raise NotImplementedError

    def program_at(self, stage: str, target: Machine | None = None) -> tuple[ModuleOp, ConstantPool]:
        """The module at a stage, and its constants."""
        raise NotImplementedError

    def module_at(self, stage: str, target: Machine | None = None) -> ModuleOp:
        """The module at a stage, scheduled for a machine: this one, where none is given."""
        return self.program_at(stage, target)[0]

    @property
    def ir(self) -> StageTexts:
        """The IR at each stage; from `value` on, for the shapes compiled last."""
        return StageTexts(self)

    def _shown(self) -> tuple[FuncOp, ConstantPool]:
        """The function to show, and its constants: of a frozen module's method the frozen one."""
        if self.entry is not None and self.receiver is not None:
            return self.entry.function, self.entry.pool
        if self.function.op is None:
            raise CompileError(
                f"{self.function.name} has no code to show: it is declared only, or left to Python"
            )
        return self.function.op, self.unit.pool

    def specializations(self) -> SpecializationTable:
        """What it was compiled for."""
        raise NotImplementedError

    def __repr__(self) -> str:
        is_frozen = self.entry is not None and self.receiver is not None
        said = summary(self.specializations(), is_frozen=is_frozen)
        name = without_mangling(self.function.name)
        return f"<tsc.{type(self).__name__} {name}{said and ': '}{said}>"

    def _repr_html_(self) -> str:
        return page(self)

    @property
    def schema(self) -> FunctionSchema:
        """The signature as PyTorch declares it, ``forward(__torch__.M self, Tensor x) -> Tensor``: a text
        that has `name`, `arguments` and `returns`.
        """
        return FunctionSchema(self.function)

    @property
    @serialized
    def graph(self) -> Graph:
        """The graph, as written: its `str` is PyTorch's notation."""
        return graph_of(self.function, *self._shown())

    @property
    @serialized
    def inlined_graph(self) -> Graph:
        """The graph with every call of a function or method replaced by the callee's graph."""
        if self.entry is not None and self.receiver is not None:
            return self.graph
        return graph_of(self.function, *self.inlined())

    def inlined(self) -> tuple[FuncOp, ConstantPool]:
        """A copy of the function as written, with all calls inlined, and its constants."""
        pool = ConstantPool()
        module = assemble(self.unit, pool, [self.function], self.receiver)
        Inline().apply(make_context(pool), module)
        return _function(module, self.function.name), pool

    def graph_for(self, *arguments: object, **keywords: object) -> Graph:
        """The graph that runs for these arguments: frozen where that is possible, else inlined."""
        self(*arguments, **keywords)  # pyright: ignore[reportCallIssue]
        return self.optimized_graph()

    @serialized
    def optimized_graph(self) -> Graph:
        """The graph that runs: frozen where that is possible, else inlined."""
        if self.entry is not None:
            return graph_of(self.function, self.entry.function, self.entry.pool)
        return self.inlined_graph

    @property
    @serialized
    def code(self) -> str:
        """The function as TorchScript's Python."""
        return code_of(self.function, *self._shown())[0]

    @property
    @serialized
    def code_with_constants(self) -> tuple[str, ConstantMap]:
        """`code`, and the tensors it calls ``CONSTANTS.c0``, ``c1``, ..."""
        text, constants = code_of(self.function, *self._shown())
        return text, ConstantMap(constants)


def _function(module: ModuleOp, name: str) -> FuncOp:
    return next(f for f in module.ops if isinstance(f, FuncOp) and f.sym_name.data == name)


class InspectableModule:
    """A module that shows the graph and the code of its ``forward``."""

    def _method(self, name: str) -> Inspectable:
        raise NotImplementedError

    def specializations(self) -> SpecializationTable:
        """What the methods were compiled for."""
        raise NotImplementedError

    @property
    def ir(self) -> StageTexts:
        """The IR of ``forward`` at each stage."""
        return self._method("forward").ir

    def _repr_html_(self) -> str:
        return page(self)

    @property
    def graph(self) -> Graph:
        """The graph of ``forward``."""
        return self._method("forward").graph

    @property
    def inlined_graph(self) -> Graph:
        """The graph of ``forward`` with all calls inlined."""
        return self._method("forward").inlined_graph

    def graph_for(self, *arguments: object, **keywords: object) -> Graph:
        """The graph that ``forward`` runs for these arguments."""
        return self._method("forward").graph_for(*arguments, **keywords)

    @property
    def code(self) -> str:
        """``forward`` as TorchScript's Python."""
        return self._method("forward").code

    @property
    def code_with_constants(self) -> tuple[str, ConstantMap]:
        """`code`, and the tensors it calls ``CONSTANTS.c0``, ``c1``, ..."""
        return self._method("forward").code_with_constants


class Saveable:
    """What can be written as an archive that PyTorch's ``torch.jit.load`` and `tsc.load` read."""

    def records(self, extra_files: dict[str, Any] | None = None) -> list[Record]:
        """Everything the archive will hold."""
        raise NotImplementedError

    def save(self, f: Target, _extra_files: dict[str, Any] | None = None) -> None:
        """Write an archive to a path or an open file.

        A file is replaced only when the new one is complete. `_extra_files` maps names to text or bytes.

        Raises:
            CompileError: a method that must be saved is not TorchScript.
            NotSupportedError: an archive cannot hold an attribute; its path is named.
            ArchiveError: the file cannot be written.
        """
        write_archive(f, self.records(_extra_files))

    def save_to_buffer(self, _extra_files: dict[str, Any] | None = None) -> bytes:
        """The archive as bytes."""
        return archive_bytes(self.records(_extra_files), "archive")
