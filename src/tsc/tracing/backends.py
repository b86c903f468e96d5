"""What a trace needs of the tensors it watches: PyTorch's (`interop.torch_tracing`) or `tsc`'s (`eager`)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np


class Backend(Protocol):
    """The kind of tensor that is traced."""

    def is_tensor(self, value: Any) -> bool:
        """Whether `value` is a tensor of this kind."""
        ...

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        """The memory of a tensor; no copy."""
        ...

    def identity(self, tensor: Any) -> Any:
        """What two tensor objects over the same elements have in common."""
        ...

    def requires_grad(self, tensor: Any) -> bool:
        """Whether gradients flow to a tensor."""
        ...

    def scalar(self, value: int) -> Any:
        """A new 0-dim int64 tensor."""
        ...

    def traced_int(self, recorder: Any, tensor: Any, value: int) -> Any:
        """An int that the recorder knows as the 0-dim `tensor`."""
        ...

    def tensor_of_int(self, value: Any) -> Any:
        """The 0-dim tensor behind a traced int; None for anything else."""
        ...

    def like(self, value: Any, tensor: Any) -> Any:
        """A new 0-dim tensor with the dtype of another."""
        ...

    def apply(self, name: str, overload: str, *arguments: Any) -> Any:
        """Call an operator on live tensors."""
        ...

    def recording(self, recorder: Any) -> AbstractContextManager[None]:
        """Inside, `recorder` is told of everything that happens to tensors."""
        ...

    def without_gradients(self) -> AbstractContextManager[None]:
        """Nothing inside is differentiated."""
        ...

    def alias(self, tensor: Any) -> Any:
        """Another tensor over the same memory."""
        ...

    def wrap(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor over an array."""
        ...

    def clone(self, tensor: Any) -> Any:
        """A copy, with its own memory."""
        ...
