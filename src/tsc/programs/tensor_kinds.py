"""`TensorKind`: a class of tensors that callers use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, cast

import numpy as np

from tsc.interop import torch as torch_interop
from tsc.interop.torch_watching import watching_test
from tsc.runtime.tensor import Tensor

Run = Callable[..., Any]


@dataclass(frozen=True)
class TensorKind:
    """A class of tensors that callers use, and how its tensors become arrays and back."""

    tensor: type
    array_of: Run | None
    """None where they are arrays."""
    shown_by: Run | None
    """The same for arrays that the program may change as it likes, their shapes too."""
    tensor_of: Run
    plain_tensor_of: Run
    """The same for arrays that have elements, of a dtype that NumPy has too."""
    is_watched: Callable[[], bool] | None
    """Whether something watches what is done with them; None where nothing does."""

    @classmethod
    def of(cls, arguments: Iterable[Any]) -> TensorKind | None:
        """The kind of the first tensor among arguments and in containers that are some; None where there is
        none.
        """
        for argument in arguments:
            if isinstance(argument, (list, tuple)):
                kind = cls.of(cast("Sequence[Any]", argument))
            elif isinstance(argument, dict):
                kind = cls.of(cast("dict[Any, Any]", argument).values())
            else:
                kind = _kind_of(cast("type[Any]", type(argument)))
            if kind is not None:
                return kind
        return None

    @classmethod
    def made_by(cls, wrap: Run | None) -> TensorKind | None:
        """The kind that `wrap` makes of arrays, where nothing among the arguments says any."""
        if wrap is None or wrap is Tensor:
            return _kind_of(np.ndarray if wrap is None else Tensor)
        return _kind_of(torch_interop.torch().Tensor) if wrap is torch_interop.from_numpy else None


def _kind_of(tensor: Any) -> TensorKind | None:
    if tensor is np.ndarray:
        return TensorKind(np.ndarray, None, None, _itself, _itself, None)
    if tensor is Tensor:
        return TensorKind(Tensor, attrgetter("array"), attrgetter("array"), Tensor, Tensor, None)
    if torch_interop.torch() is not None and tensor is torch_interop.torch().Tensor:
        back, plain = torch_interop.from_numpy, torch_interop.plain_from_numpy()
        return TensorKind(tensor, tensor.numpy, torch_interop.to_numpy, back, plain, watching_test())
    return None


def _itself(array: object) -> Any:
    return array
