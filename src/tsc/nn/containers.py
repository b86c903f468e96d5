"""Modules, and parameters, in lists and dicts."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, cast

from tsc.nn.module import Module, indented
from tsc.nn.parameters import Parameter
from tsc.runtime.tensor import Tensor


def _place(index: int, count: int) -> int:
    """A position from the beginning, of one that may count from the end.

    Raises:
        IndexError: there is none.
    """
    place = operator.index(index)
    if not -count <= place < count:
        raise IndexError(f"index {place} is out of range")
    return place % count


class _ModuleSequence(Module):
    """Submodules in order, by position."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, position: int | slice) -> Any:
        modules = list(self._modules.values())
        if isinstance(position, slice):
            return self._of(list(self._modules.items())[position])
        return modules[_place(position, len(modules))]

    def _of(self, items: list[tuple[str, Module]]) -> Self:
        """A part of the sequence."""
        made = type(self)()
        made._renumber([module for _, module in items])
        return made

    def __setitem__(self, position: int, module: Module) -> None:
        setattr(self, list(self._modules)[_place(position, len(self))], module)

    def __delitem__(self, position: int | slice) -> None:
        names = list(self._modules)
        gone = names[position] if isinstance(position, slice) else [names[_place(position, len(names))]]
        for name in gone:
            delattr(self, name)
        self._renumber(list(self))

    def _renumber(self, modules: Iterable[Module]) -> None:
        object.__setattr__(self, "_modules", {str(i): module for i, module in enumerate(modules)})

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)

    def pop(self, key: int | slice) -> Any:
        """Take a module out."""
        taken = self[key]
        del self[key]
        return taken

    def __add__(self, other: Iterable[Module]) -> Self:
        made = type(self)()
        made._renumber([*self, *other])
        return made

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)


class Sequential(_ModuleSequence):
    """Modules one after the other: given in order, or by name."""

    def __init__(self, *args: Any) -> None:
        super().__init__()
        is_named = len(args) == 1 and isinstance(args[0], OrderedDict)
        named = cast("Any", args[0]) if is_named else None
        items: Iterable[tuple[str, Module]] = (
            ((str(i), module) for i, module in enumerate(args)) if named is None else named.items()
        )
        for name, module in items:
            self.add_module(name, module)

    def _of(self, items: list[tuple[str, Module]]) -> Self:
        return type(self)(OrderedDict(items))

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at `index`."""
        super().insert(index, module)
        return self

    # As PyTorch's: unannotated, a tensor.
    def forward(self, input):  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
        for module in self:
            input = module(input)
        return input  # pyright: ignore[reportUnknownVariableType]


class ModuleList(_ModuleSequence):
    """A list of modules."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __repr__(self) -> str:
        """Equal neighbours once, with how many there are."""
        groups: list[tuple[int, int, str]] = []
        for i, text in enumerate(map(repr, self)):
            if groups and groups[-1][2] == text:
                groups[-1] = (groups[-1][0], i, text)
            else:
                groups.append((i, i, text))
        lines = [
            indented(f"({low}): {text}" if low == high else f"({low}-{high}): {high - low + 1} x {text}")
            for low, high, text in groups
        ]
        inner = "".join(f"\n  {line}" for line in lines)
        return f"{self._get_name()}({inner}\n)" if inner else f"{self._get_name()}()"


class ModuleDict(Module):
    """Modules by name."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def update(self, modules: Any) -> None:
        """Add modules, or put them in the place of those of their names."""
        for name, module in modules.items() if hasattr(modules, "items") else modules:
            self[name] = module

    def pop(self, key: str) -> Module:
        """Take a module out."""
        return self._modules.pop(key)

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()

    def keys(self) -> Iterable[str]:
        """Names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """Modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and modules."""
        return self._modules.items()


def _as_held(value: object) -> object:
    """A plain tensor becomes a parameter."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _described(key: object, value: object) -> str:
    """One line about what a container of parameters holds."""
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    size = "x".join(map(str, value.shape))
    return f"  ({key}): Parameter containing: [torch.{value.dtype.name} of size {size}]"


class ParameterList(Module):
    """A list of parameters, and of what else is given; tensors become parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(values or ())

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)([self[i] for i in range(*idx.indices(len(self)))])
        return getattr(self, str(_place(idx, len(self))))

    def __setitem__(self, idx: int, param: Any) -> None:
        setattr(self, str(_place(idx, len(self))), _as_held(param))

    def append(self, value: Any) -> Self:
        """Add one at the end."""
        self._size += 1
        self[len(self) - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add several at the end."""
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, other: Iterable[Any]) -> Self:
        return self.extend(other)

    def pop(self, idx: int = -1) -> Any:
        """Take one out."""
        values = list(self)
        taken = values.pop(idx)
        for i in range(len(self)):
            delattr(self, str(i))
        self._size = 0
        self.extend(values)
        return taken

    def extra_repr(self) -> str:
        return "\n".join(_described(i, value) for i, value in enumerate(self))


class ParameterDict(Module):
    """Parameters, and what else is given, by name; tensors become parameters."""

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        self.update(parameters or {})

    def __getitem__(self, key: str) -> Any:
        return getattr(self, str(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[key] = None
        setattr(self, str(key), _as_held(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, str(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __or__(self, other: Mapping[str, Any]) -> Self:
        made = type(self)(self)
        made.update(other)
        return made

    def get(self, key: str, default: Any = None) -> Any:
        """The one of that name, or `default`."""
        return getattr(self, key) if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The one of that name, which is `default` if there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, parameters: Any) -> None:
        """Add parameters, or put them in the place of those of their names."""
        for key, value in parameters.items() if hasattr(parameters, "items") else parameters:
            self[key] = value

    def pop(self, key: str) -> Any:
        """Take one out."""
        taken = self[key]
        del self[key]
        return taken

    def clear(self) -> None:
        """Take all out."""
        for key in list(self._keys):
            del self[key]

    def keys(self) -> Iterable[str]:
        """Names."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """Parameters."""
        return (self[key] for key in self._keys)

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and parameters."""
        return ((key, self[key]) for key in self._keys)

    def extra_repr(self) -> str:
        return "\n".join(_described(key, value) for key, value in self.items())
