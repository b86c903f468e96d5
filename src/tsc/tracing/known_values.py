"""What a trace knows of live tensors and modules: which value stands for each."""

from __future__ import annotations

from typing import Any

from xdsl.ir import SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import hint
from tsc.dialects.constants import literal
from tsc.dialects.torch_types import TorchType
from tsc.frontend.unit import ScriptObject, Unit
from tsc.runtime.recording import paused
from tsc.runtime.tensor import Tensor
from tsc.tracing.backends import Backend
from tsc.tracing.diagnostics import variable_name
from tsc.tracing.frames import Frame, FrameBuilder, Path


class KnownValues:
    """Values by the live tensors and objects they stand for; one never seen becomes a constant."""

    def __init__(self, unit: Unit, backend: Backend) -> None:
        self.unit = unit
        self.backend = backend
        self.root = Frame(())
        self.builder = FrameBuilder(self.root)
        self.members: dict[SSAValue, Path] = {}
        """Values that stand for attributes of the traced module."""
        self._values: dict[int, tuple[Any, SSAValue]] = {}
        self._attributes: dict[int, tuple[Any, Path]] = {}
        self._objects: dict[int, tuple[ScriptObject, Path]] = {}
        self._elements: dict[Any, SSAValue] = {}
        """Values by what they hold: PyTorch's factories hand the program other objects than the mode."""
        self._paths: dict[Any, Path] = {}
        """Attributes by what they hold: a module PyTorch scripted makes new objects for its parameters."""

    def add_attribute(self, tensor: object, path: Path) -> None:
        """`tensor` is the attribute at `path` (the first one said counts)."""
        self._attributes.setdefault(id(tensor), (tensor, path))
        self._paths.setdefault(self.backend.identity(tensor), path)

    def add_object(self, held: ScriptObject, path: Path, standing_for: ScriptObject | None = None) -> None:
        """`held` is the submodule at `path`; the program may call `standing_for`, what it was made of."""
        called = held if standing_for is None else standing_for
        self._objects.setdefault(id(called), (held, path))

    def knows(self, tensor: object) -> bool:
        """Whether a value or attribute stands for `tensor`."""
        return id(tensor) in self._values or id(tensor) in self._attributes

    def set_value(self, tensor: object, value: SSAValue) -> None:
        """From now on `value` stands for `tensor`."""
        self._values[id(tensor)] = (tensor, value)

    def value(self, tensor: object) -> SSAValue:
        """The value that stands for `tensor`; one never seen is a constant.

        Raises:
            RuntimeError: it would be a constant, but gradients flow to it.
        """
        found = self._values.get(id(tensor))
        if found is None:
            found = (tensor, self._first_value(tensor))
            self._values[id(tensor)] = found
        value = found[1]
        if value.name_hint is None:
            name = variable_name(tensor)
            if name is not None:
                hint(value, name)
        return value

    def _first_value(self, tensor: object) -> SSAValue:
        attribute = self._attributes.get(id(tensor))
        if attribute is not None:
            return self._member(attribute[1], tt.TENSOR)
        identity = self.backend.identity(tensor)
        if identity in self._elements:
            return self._elements[identity]
        path = self._paths.get(identity)
        return self.captured(tensor) if path is None else self._member(path, tt.TENSOR)

    def captured(self, tensor: object) -> SSAValue:
        """A constant that shares the memory of `tensor`."""
        with paused():
            array = self.backend.array(tensor)
        if self.backend.requires_grad(tensor):
            raise RuntimeError(
                "Cannot insert a Tensor that requires grad as a constant. Consider making it a parameter or "
                f"input, or detaching the gradient\nTensor:\n{Tensor(array)}"
            )
        return self.builder.insert(literal(self.unit.pool, "captured", array, mutable=True)).results[0]

    def object_value(self, held: ScriptObject) -> SSAValue:
        """The value of a submodule of the traced module.

        Raises:
            RuntimeError: it is not one.
        """
        found = self._objects.get(id(held))
        if found is None:
            raise RuntimeError(
                f"Tried to trace {held!r} but it is not part of the active trace. Modules that are called "
                "during a trace must be registered as submodules of the thing being traced."
            )
        return self._member(found[1], tt.ModuleType(found[0].cls.name))

    def _member(self, path: Path, kind: TorchType) -> SSAValue:
        made = ops.PrimUninitializedOp.create(result_types=[kind]).results[0]
        hint(made, path[-1] if path else "self")
        self.members[made] = path
        return made
