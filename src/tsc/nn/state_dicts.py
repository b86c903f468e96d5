"""The state of a module and of those below it as a dict of tensors by dotted path, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tsc.nn.parameters import Buffer, Parameter, array_of
from tsc.runtime.noting import overwrite
from tsc.runtime.tensor import Tensor

if TYPE_CHECKING:
    from tsc.nn.module import Module


class StateDict(OrderedDict[str, Any]):
    """Tensors by dotted path, in the order of the modules; `_metadata` has the versions of their forms."""

    _metadata: OrderedDict[str, dict[str, Any]]


class IncompatibleKeys(NamedTuple):
    """What a state dict lacked, and what it had that nobody asked for."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def own_state(module: Module) -> dict[str, Tensor]:
    """The parameters and persistent buffers of a module itself."""
    kept = {n: b for n, b in module._buffers.items() if n not in module._non_persistent_buffers_set}
    return {n: t for n, t in {**module._parameters, **kept}.items() if t is not None}


def collect(module: Module, into: Any, prefix: str, keep_vars: bool) -> None:
    """Add the state of a module and of those below it; the tensors share memory with the module's."""
    metadata = getattr(into, "_metadata", None)
    if metadata is not None:
        metadata[prefix[:-1]] = {"version": module._version}  # pyright: ignore[reportPrivateUsage]
    for name, tensor in own_state(module).items():
        into[prefix + name] = tensor if keep_vars else tensor.detach()
    for name, child in module.named_children(remove_duplicate=False):
        child.state_dict(destination=into, prefix=f"{prefix}{name}.", keep_vars=keep_vars)


def load_into(module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy the tensors of `state_dict` into a module and those below it.

    Raises:
        RuntimeError: a shape differs or, if `strict`, a name is missing or unexpected. What fits is copied
            even so.
    """
    missing: list[str] = []
    unexpected: list[str] = []
    wrong: list[str] = []
    state = OrderedDict(state_dict)
    metadata = getattr(state_dict, "_metadata", {})
    for path, below in module.named_modules(remove_duplicate=False):
        prefix = f"{path}." if path else ""
        local = {**metadata.get(path, {}), "assign_to_params_buffers": assign}
        below._load_from_state_dict(  # pyright: ignore[reportPrivateUsage]
            state, prefix, local, strict, missing, unexpected, wrong
        )
    if strict:
        wrong[:0] = [
            f"{kind} key(s) in state_dict: {_quoted(keys)}. "
            for kind, keys in (("Missing", missing), ("Unexpected", unexpected))
            if keys
        ]
    if wrong:
        found = "\n\t".join(wrong)
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{found}")
    return IncompatibleKeys(missing, unexpected)


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def load_own(
    module: Module,
    state_dict: Mapping[str, Any],
    prefix: str,
    assign: bool,
    missing: list[str],
    unexpected: list[str],
    wrong: list[str],
) -> None:
    """Copy what of `state_dict` is a module's own, and note what does not fit."""
    own = own_state(module)
    for name, tensor in own.items():
        key = prefix + name
        if key not in state_dict:
            missing.append(key)
        elif (mismatch := _mismatch(key, state_dict[key], tensor)) is not None:
            wrong.append(mismatch)
        elif assign:
            setattr(module, name, _as_kind_of(tensor, state_dict[key]))
        else:
            overwrite(tensor.array, array_of(state_dict[key]).reshape(tensor.shape))
    for key in state_dict:
        if key.startswith(prefix):
            first, dot, _ = key[len(prefix) :].partition(".")
            if first not in (module._modules if dot else own):
                unexpected.append(key)


def _mismatch(key: str, given: Any, tensor: Tensor) -> str | None:
    """What is wrong with the tensor of a state dict, if something is."""
    if not hasattr(given, "shape"):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
            f"checkpoint but received {type(given)}"
        )
    shape, wanted = tuple(given.shape), tuple(tensor.shape)
    if shape == wanted or (wanted == () and shape == (1,)):
        return None
    return (
        f"size mismatch for {key}: copying a param with shape torch.Size({list(shape)}) from checkpoint, the "
        f"shape in current model is torch.Size({list(wanted)})."
    )


def _as_kind_of(tensor: Tensor, given: Any) -> Tensor:
    array = array_of(given)
    if isinstance(tensor, Parameter):
        return Parameter(array, tensor.requires_grad)
    return Buffer(array, persistent=tensor.persistent) if isinstance(tensor, Buffer) else Tensor(array)
