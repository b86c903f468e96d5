"""`Module` and its containers: parameters, buffers and submodules are found as attributes, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tsc.runtime.tensor import Tensor


class Parameter(Tensor):
    """A tensor that is a parameter of the module it is assigned to."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data.array if isinstance(data, Tensor) else data)


class Module:
    """Base class of modules: assign parameters and submodules in ``__init__``, compute in ``forward``."""

    __tsc_module__ = True
    training: bool

    def __init__(self) -> None:
        for table in ("_parameters", "_buffers", "_modules"):
            object.__setattr__(self, table, {})
        self.training = True

    def __setattr__(self, name: str, value: Any) -> None:
        tables = self.__dict__
        if "_modules" not in tables:
            raise AttributeError(f"cannot assign {name} before Module.__init__() call")
        for table in ("_parameters", "_buffers", "_modules"):
            if name in tables[table] and not isinstance(value, (Tensor, Module, type(None))):
                del tables[table][name]
        if isinstance(value, Parameter) or (name in tables["_parameters"] and value is None):
            tables["_parameters"][name] = value
        elif isinstance(value, Module):
            tables["_modules"][name] = value
        elif name in tables["_buffers"]:
            tables["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            held = self.__dict__.get(table, {})
            if name in held:
                return held[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter."""
        self._buffers[name] = tensor

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter."""
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule."""
        self._modules[name] = module

    if TYPE_CHECKING:
        # What the module computes: subclasses define it, with arguments of their own.
        forward: Callable[..., Any]
    else:

        def forward(self, *arguments):
            """What the module computes; subclasses define it."""
            raise NotImplementedError(
                f'Module [{type(self).__name__}] is missing the required "forward" function'
            )

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run ``forward``."""
        return self.forward(*arguments, **keywords)

    def modules(self) -> Iterator[Module]:
        """The module and all below it."""
        yield self
        for child in self._modules.values():
            if child is not None:
                yield from child.modules()

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Parameters here and below, by dotted path."""
        for name, value in self._parameters.items():
            if value is not None:
                yield prefix + name, value
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_parameters(f"{prefix}{name}.")

    def parameters(self) -> Iterator[Parameter]:
        """Parameters here and below."""
        return (value for _, value in self.named_parameters())

    def train(self, mode: bool = True) -> Module:
        """Set training mode here and below."""
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Module:
        """Leave training mode here and below."""
        return self.train(False)


class _ModuleSequence(Module):
    """Submodules in order."""

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)


class Sequential(_ModuleSequence):
    """Modules one after the other."""

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    # As PyTorch's: unannotated, a tensor.
    def forward(self, input):  # noqa: D102  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
        for module in self:
            input = module(input)
        return input  # pyright: ignore[reportUnknownVariableType]


class ModuleList(_ModuleSequence):
    """A list of modules."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def __getitem__(self, position: int) -> Module:
        return list(self._modules.values())[position]


class ModuleDict(Module):
    """Modules by name."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)

    def __getitem__(self, name: str) -> Module:
        return self._modules[name]

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._modules.items()
