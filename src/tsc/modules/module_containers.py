"""`ModuleContainers`: the length, the elements and the looks of a script module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tsc.errors import CompileError
from tsc.modules.walking import ModuleWalking


class TensorTable(dict[str, Any]):
    """The parameters or buffers of a script module by name; what is put into it, the module holds then
    (``torch.func.functional_call`` does this).
    """

    def __init__(self, held: dict[str, Any], put: Callable[[str, Any], None]) -> None:
        super().__init__(held)
        self._put = put

    def __setitem__(self, name: str, tensor: object) -> None:
        self._put(name, tensor)
        super().__setitem__(name, tensor)

    def __delitem__(self, name: str) -> None:
        raise CompileError(f"a script module keeps its parameters and buffers: '{name}' cannot be deleted")


class ModuleContainers(ModuleWalking):
    """The part of a script module that stands for ``Sequential``, ``ModuleList`` and ``ModuleDict``."""

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self._container())

    def __iter__(self) -> Iterator[Any]:
        names = self._container()
        return iter(names if self._is_dict() else [getattr(self, name) for name in names])

    def __getitem__(self, key: Any) -> Any:
        names = self._container()
        if self._is_dict():
            if key not in names:
                raise KeyError(key)
            return getattr(self, key)
        if isinstance(key, slice):
            return [getattr(self, name) for name in names[key]]
        return getattr(self, names[int(key)])

    def __contains__(self, key: object) -> bool:
        names = self._container()
        return key in names if self._is_dict() else any(getattr(self, n) is key for n in names)

    def _is_dict(self) -> bool:
        return self._object.cls.members.get("container_kind") == "dict"

    def _container(self) -> list[str]:
        names = self._object.cls.members.get("container")
        if names is None:
            raise NotImplementedError(f"'{self.original_name}' is no container of modules")
        return names

    @property
    def original_name(self) -> str:
        """The name of the class."""
        return self._object.cls.name.rpartition(".")[2]

    def extra_repr(self) -> str:
        """What `repr` says besides the submodules."""
        return f"original_name={self.original_name}"

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        if not lines:
            return f"{self._get_name()}({self.extra_repr()})"
        return "\n  ".join([f"{self._get_name()}(", self.extra_repr(), *lines]) + "\n)"

    def __dir__(self) -> list[str]:
        held = self._object
        methods = [n for n, m in held.cls.methods.items() if m.op is not None]
        names = {*object.__dir__(self), *held.attributes, *held.cls.constants, *methods}
        own = {*held.attributes, *held.cls.constants, *methods} - {*object.__dir__(self)}
        return sorted(n for n in names if n not in own or self._is_visible(held, n))

    def set_value(self, name: str, value: object) -> None:
        """Set an attribute that the program knows."""
        raise NotImplementedError

    @property
    def _parameters(self) -> TensorTable:
        return self._table(self._object.cls.parameters)

    @property
    def _buffers(self) -> TensorTable:
        return self._table(self._object.cls.buffers)

    @property
    def _modules(self) -> dict[str, Any]:
        return dict(self.named_children())

    def _table(self, names: frozenset[str]) -> TensorTable:
        """Tensors of this module by name, in order, as PyTorch's modules hold them."""
        held = self._object
        wanted = [n for n in held.attributes if n in names and self._is_visible(held, n)]
        return TensorTable({n: self._held_tensor(held, n) for n in wanted}, self.set_value)
