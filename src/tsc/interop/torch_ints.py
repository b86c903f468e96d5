"""Sizes of PyTorch's tensors while a trace runs: symbolic ints that know the tensor they were read from."""

from __future__ import annotations

from typing import Any

from tsc.concurrency import interned
from tsc.interop.torch import torch
from tsc.interop.traced_ints import TracedArithmetic


class _Node:
    """What PyTorch's dispatcher asks of a symbolic int."""

    def __init__(self, tensor: Any, value: int, recorder: Any) -> None:
        self.traced_tensor = tensor
        self.traced_value = value
        self.recorder = recorder

    def is_int(self) -> bool:
        return True

    def is_symbolic(self) -> bool:
        return True

    def has_hint(self) -> bool:
        return True

    def _no(self) -> bool:
        return False

    is_float = is_bool = is_nested_int = is_constant = _no

    def maybe_as_int(self) -> None:
        return None

    def guard_int(self, file: str, line: int) -> int:
        """The plain int, for an operator that takes no symbolic ones: the next one called."""
        if self.recorder.is_running():
            self.recorder.concrete(self.traced_tensor, self.traced_value)
        return self.traced_value

    def int_(self) -> int:
        return self.traced_value

    def wrap_int(self, value: int) -> _Node:
        return _Node(None, value, self.recorder)

    def str(self) -> str:
        return repr(self.traced_value)

    _graph_repr = str


@interned
def int_class() -> type[Any]:
    """The class of sizes that know the tensor they were read from; PyTorch's symbolic ints."""
    base: Any = torch().SymInt

    class TracedInt(TracedArithmetic, base):
        """A size of a PyTorch tensor."""

        def __init__(self, tensor: Any, value: int, recorder: Any) -> None:
            base.__init__(self, _Node(tensor, value, recorder))
            self.traced_tensor, self.traced_value, self.traced_recorder = tensor, value, recorder

        def __getattr__(self, name: str) -> Any:
            if name.startswith(("traced_", "__")) or name == "node":
                raise AttributeError(name)
            return getattr(self.traced_tensor, name)

    return TracedInt
