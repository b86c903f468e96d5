"""PyTorch tensors behind attributes: their memory may be exchanged under us (``p.data = q``,
``vector_to_parameters``), and attributes are arrays over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tsc.dtypes import Array
from tsc.frontend.unit import ScriptObject
from tsc.interop import torch as torch_interop
from tsc.interop.torch_watching import is_watched_tensor
from tsc.narrowing import is_array


def refresh_below(root: ScriptObject) -> None:
    """Let the attributes of an object and of all below it show the memory that their tensors have now."""
    if torch_interop.torch() is not None:
        refresh(objects_below(root))


def refresh(objects: Iterable[ScriptObject]) -> None:
    """Let the attributes of these objects show the memory that their tensors have now."""
    made: dict[int, Array] = {}
    for held in objects:
        for name, tensor in held.live.items():
            known = held.memory.get(name)
            if (
                known is None
                or known[0] is not tensor
                or known[1] is not held.attributes.get(name)
                or tensor.data_ptr() != known[2]
                or tensor.shape != known[3]
                or tensor.stride() != known[4]
            ):
                _refresh(held, name, made)


def _refresh(held: ScriptObject, name: str, made: dict[int, Array]) -> None:
    """Look at one tensor; one array for one tensor, however many objects hold it."""
    tensor, array = held.live[name], held.attributes.get(name)
    if is_watched_tensor(tensor) or not is_array(array):
        return
    if not torch_interop.is_over(tensor, array):
        if id(tensor) not in made:
            made[id(tensor)] = torch_interop.to_numpy(tensor)
        array = held.attributes[name] = made[id(tensor)]
    held.memory[name] = (tensor, array, tensor.data_ptr(), tensor.shape, tensor.stride())


def objects_below(root: ScriptObject) -> Iterator[ScriptObject]:
    """An object and the objects among its attributes and theirs, each once."""
    seen: set[int] = set()
    pending = [root]
    while pending:
        held = pending.pop()
        if id(held) not in seen:
            seen.add(id(held))
            yield held
            pending += [v for v in held.attributes.values() if isinstance(v, ScriptObject)]


def any_trained(objects: Iterable[ScriptObject]) -> bool:
    """Whether a tensor behind an attribute of these objects asks for gradients: each call asks that."""
    pytorch = torch_interop.torch()
    if pytorch is None:
        return False
    kind = pytorch.Tensor
    for held in objects:
        for tensor in held.live.values():
            if isinstance(tensor, kind) and tensor.requires_grad:
                return True
    return False
