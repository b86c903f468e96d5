"""`Module` and its containers: parameters, buffers and submodules are found as attributes, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType
from tsc.errors import ArgumentError
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_tuple
from tsc.runtime.tensor import Tensor

TABLES = ("_parameters", "_buffers", "_modules")


class Parameter(Tensor):
    """A tensor that is a parameter of the module it is assigned to."""

    __slots__ = ("requires_grad",)

    def __init__(self, data: object, requires_grad: bool = True) -> None:
        super().__init__(data.array if isinstance(data, Tensor) else data)
        self.requires_grad = requires_grad
        """What PyTorch is told where the module is saved; nothing here computes gradients."""


class Module:
    """Base class of modules: assign parameters and submodules in ``__init__``, compute in ``forward``."""

    __tsc_module__ = True
    training: bool

    def __init__(self) -> None:
        for table in (*TABLES, "_forward_pre_hooks", "_forward_hooks"):
            object.__setattr__(self, table, {})
        object.__setattr__(self, "_non_persistent_buffers_set", set[str]())
        self.training = True

    def __setattr__(self, name: str, value: object) -> None:
        tables = self.__dict__
        if "_modules" not in tables:
            raise AttributeError(f"cannot assign {name} before Module.__init__() call")
        for table in TABLES:
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
        for table in TABLES:
            held = self.__dict__.get(table, {})
            if name in held:
                return held[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter; `state_dict` has it if it is `persistent`."""
        self._buffers[name] = tensor
        if not persistent:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter."""
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule."""
        self._modules[name] = module

    def _forward_unimplemented(self, *arguments: object) -> None:
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    forward: Callable[..., Any] = _forward_unimplemented
    """What the module computes: subclasses define it, with arguments of their own."""

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> None:
        """Call ``hook(module, arguments)`` before ``forward``; what it returns, if anything, replaces the
        arguments.
        """
        self._forward_pre_hooks[len(self._forward_pre_hooks)] = hook

    def register_forward_hook(self, hook: Callable[..., Any]) -> None:
        """Call ``hook(module, arguments, result)`` after ``forward``; what it returns, if anything, replaces
        the result.
        """
        self._forward_hooks[len(self._forward_hooks)] = hook

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run ``forward``, between the hooks."""
        for hook in self._forward_pre_hooks.values():
            replaced = hook(self, arguments)
            if replaced is not None:
                arguments = replaced if is_tuple(replaced) else (replaced,)
        result = self.forward(*arguments, **keywords)
        for hook in self._forward_hooks.values():
            replaced = hook(self, arguments, result)
            result = result if replaced is None else replaced
        return result

    # --- walking ---

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The submodules, by name."""
        return ((name, child) for name, child in self._modules.items() if child is not None)

    def children(self) -> Iterator[Module]:
        """The submodules."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """The module and all below it, each once, by dotted path."""
        return self._walk(prefix, set())

    def _walk(self, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:
            return
        seen.add(id(self))
        yield path, self
        for name, child in self.named_children():
            yield from child._walk(f"{path}.{name}" if path else name, seen)

    def modules(self) -> Iterator[Module]:
        """The module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def _tensors(self, table: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix):
            for name, tensor in module.__dict__[table].items():
                if tensor is not None and id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield f"{path}.{name}" if path else name, tensor

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Parameters here and below, each once, by dotted path."""
        return self._tensors("_parameters", prefix)

    def parameters(self) -> Iterator[Parameter]:
        """Parameters here and below, each once."""
        return (tensor for _, tensor in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Buffers here and below, each once, by dotted path."""
        return self._tensors("_buffers", prefix)

    def buffers(self) -> Iterator[Tensor]:
        """Buffers here and below, each once."""
        return (tensor for _, tensor in self.named_buffers())

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module below, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- state ---

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted path, modules in order; they share memory with the
        module.
        """
        state: dict[str, Tensor] = {}
        for path, module in self.named_modules():
            kept = {n: b for n, b in module._buffers.items() if n not in module._non_persistent_buffers_set}
            for name, tensor in {**module._parameters, **kept}.items():
                if tensor is not None:
                    state[f"{path}.{name}" if path else name] = tensor
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Copy the values of `state_dict` into the parameters and buffers of those names.

        Raises:
            RuntimeError: a shape differs or, if `strict`, a name is missing or unexpected.
        """
        own = self.state_dict()
        wrong = [f"Missing key(s) in state_dict: {name!r}." for name in own if name not in state_dict]
        wrong += [f"Unexpected key(s) in state_dict: {name!r}." for name in state_dict if name not in own]
        wrong = wrong if strict else []
        for name in own.keys() & state_dict.keys():
            given, wanted = tuple(state_dict[name].shape), own[name].shape
            if given != wanted:
                wrong.append(f"size mismatch for {name}: the checkpoint has {given}, the model {wanted}.")
        if wrong:
            found = "\n\t".join(sorted(wrong))
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{found}")
        for name in own.keys() & state_dict.keys():
            own[name].array[...] = np.asarray(state_dict[name])

    # --- modes and element types ---

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and below."""
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Leave training mode here and below."""
        return self.train(False)

    def cpu(self) -> Self:
        """The module: everything is on the CPU."""
        return self

    def to(self, target: object) -> Self:
        """Convert floating parameters and buffers to a dtype; a device must be the CPU.

        Raises:
            ArgumentError: `target` is another device.
        """
        if not isinstance(target, DType):
            if not torch_interop.is_cpu(target):
                raise ArgumentError(f"Module.to: requires a dtype or a CPU device; got {target!r}")
            return self
        for _, tensor in [*self._tensors("_parameters"), *self._tensors("_buffers")]:
            if tensor.dtype.is_floating:
                tensor.array = tensor.array.astype(target.numpy)
        return self

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self.to(dtypes.F32)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self.to(dtypes.F64)

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self.to(dtypes.F16)


class _ModuleSequence(Module):
    """Submodules in order."""

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, position: int) -> Module:
        return list(self._modules.values())[position]

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self


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

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self


class ModuleDict(Module):
    """Modules by name."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        for name, module in (modules or {}).items():
            self.add_module(name, module)

    def __getitem__(self, name: str) -> Module:
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __contains__(self, name: str) -> bool:
        return name in self._modules

    def keys(self) -> Iterable[str]:
        """Names."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """Modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._modules.items()
