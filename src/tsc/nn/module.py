"""`Module`: parameters, buffers and submodules are found as attributes, as in PyTorch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn, Self

from tsc import dtypes
from tsc.concurrency import interned
from tsc.dtypes import DType
from tsc.errors import ArgumentError
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_tuple
from tsc.nn.parameters import Parameter
from tsc.nn.state_dicts import IncompatibleKeys, StateDict, collect, load_into, load_own
from tsc.nn.tables import ModuleTables
from tsc.runtime.tensor import Tensor
from tsc.runtime.tensor_gradients import RemovableHandle


class Module(ModuleTables):
    """Base class of modules: assign parameters and submodules in ``__init__``, compute in ``forward``."""

    _version: ClassVar[int] = 1
    """Of the form of its state, which state dicts tell."""
    _shown: ClassVar[tuple[str, ...]] = ()
    """The attributes that `extra_repr` tells: ``"name"`` by value, ``"name="`` with its name, ``"name?"`` so
    where it is not the constructor's default.
    """

    # --- calls ---

    def _forward_unimplemented(self, *arguments: object) -> NoReturn:
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    forward: Callable[..., Any] = _forward_unimplemented
    """What the module computes: subclasses define it, with arguments of their own."""

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, arguments)`` before ``forward``; what it returns, if anything, replaces the
        arguments.
        """
        handle = RemovableHandle(self._forward_pre_hooks)
        self._forward_pre_hooks[handle.id] = hook
        return handle

    def register_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, arguments, result)`` after ``forward``; what it returns, if anything, replaces
        the result.
        """
        handle = RemovableHandle(self._forward_hooks)
        self._forward_hooks[handle.id] = hook
        return handle

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

    def named_children(self, *, remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """The submodules, by name."""
        seen: set[int] = set()
        for name, child in self._modules.items():
            if child is not None and not (remove_duplicate and id(child) in seen):
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """The submodules."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module and all below it, by dotted path; each once, unless duplicates are wanted."""
        seen = set[int]() if memo is None else memo
        if remove_duplicate and id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, child in self.named_children(remove_duplicate=False):
            yield from child.named_modules(seen, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """The module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def _tensors(
        self, table: str, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, tensor in module.__dict__[table].items():
                if tensor is not None and not (remove_duplicate and id(tensor) in seen):
                    seen.add(id(tensor))
                    yield f"{path}.{name}" if path else name, tensor

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Parameters here and below, by dotted path; each once, unless duplicates are wanted."""
        return self._tensors("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Parameters here and below, each once."""
        return (tensor for _, tensor in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Buffers here and below, by dotted path; each once, unless duplicates are wanted."""
        return self._tensors("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Buffers here and below, each once."""
        return (tensor for _, tensor in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path.

        Raises:
            AttributeError: there is none.
        """
        found: Any = self
        for name in filter(None, target.split(".")):
            if not hasattr(found, name):
                raise AttributeError(f"{type(found).__name__} has no attribute `{name}`")
            found = getattr(found, name)
            if not isinstance(found, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        return self._tensor_at(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        return self._tensor_at(target, "_buffers", "a buffer")

    def _tensor_at(self, target: str, table: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module.__dict__[table]:
            raise AttributeError(f"`{name}` is not {kind}")
        return module.__dict__[table][name]

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module below, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- state ---

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted path, modules in order; they share memory with the
        module, and are the parameters themselves if `keep_vars`.
        """
        if destination is None:
            destination = StateDict()
            destination._metadata = StateDict()
        collect(self, destination, prefix, keep_vars)
        return destination

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the values of `state_dict` into the parameters and buffers of those names, or `assign` its
        tensors themselves; what was missing, and what unexpected.

        Raises:
            TypeError: it is no dict.
            RuntimeError: a shape differs or, if `strict`, a name is missing or unexpected.
        """
        if not isinstance(state_dict, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        return load_into(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load what is the module's own: PyTorch's name for what subclasses may do otherwise."""
        assign = bool(local_metadata.get("assign_to_params_buffers"))
        load_own(self, state_dict, prefix, assign, missing_keys, unexpected_keys, error_msgs)

    # --- modes and element types ---

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and below."""
        if not isinstance(mode, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("training mode is expected to be boolean")
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Leave training mode here and below."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Have gradients be recorded of what is computed of the parameters, or not."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the parameters, or set them to zero."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad = None if set_to_none else parameter.grad.detach().zero_()

    def cpu(self) -> Self:
        """The module: everything is on the CPU."""
        return self

    def to(self, *targets: object, dtype: DType | None = None, device: object = None) -> Self:
        """Convert floating parameters and buffers to a dtype; a device must be the CPU.

        Raises:
            ArgumentError: a target is another device.
        """
        for target in (*targets, device, dtype):
            if isinstance(target, DType):
                self._convert(target)
            elif isinstance(target, Tensor):
                self._convert(target.dtype)
            elif target is not None and not isinstance(target, bool) and not torch_interop.is_cpu(target):
                raise ArgumentError(f"Module.to: requires a dtype or a CPU device; got {target!r}")
        return self

    def _convert(self, dtype: DType) -> None:
        for _, tensor in [*self._tensors("_parameters"), *self._tensors("_buffers")]:
            if tensor.dtype.is_floating:
                tensor.rebase(tensor.array.astype(dtype.numpy))

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self.to(dtypes.F32)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self.to(dtypes.F64)

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self.to(dtypes.F16)

    def bfloat16(self) -> Self:
        """Convert floating parameters and buffers to bfloat16."""
        return self.to(dtypes.BF16)

    # --- text ---

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the module's text tells beside its name and its submodules."""
        shown: list[str] = []
        for spec in self._shown:
            name, kind = spec.rstrip("=?"), spec[-1:]
            value = getattr(self, name)
            if kind != "?" or value != constructor_defaults(type(self)).get(name):
                shown.append(f"{name}={value}" if kind in ("=", "?") else f"{value}")
        return ", ".join(shown)

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({extra})"
        inner = "".join(f"\n  {line}" for line in (*lines, *children))
        return f"{self._get_name()}({inner}\n)" if inner else f"{self._get_name()}()"


def indented(text: str) -> str:
    """A text of several lines within another one."""
    return text.replace("\n", "\n  ")


@interned
def constructor_defaults(cls: type[Module]) -> dict[str, Any]:
    """The defaults of the constructor's arguments."""
    return {p.name: p.default for p in inspect.signature(cls.__init__).parameters.values()}
