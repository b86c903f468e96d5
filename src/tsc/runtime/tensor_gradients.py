"""What tensors know of gradients: the part of `Tensor` that asks the graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import OperatorError
from tsc.ops.derivatives.recorded import is_differentiable
from tsc.runtime.graph import Node, Variable, find, variable_of
from tsc.runtime.recording import RECORDER
from tsc.runtime.tape import NOT_A_LEAF

if TYPE_CHECKING:
    from tsc.runtime.tensor import Tensor

NOT_DIFFERENTIABLE = "only Tensors of floating point dtype can require gradients"
WANTED_OF_NEW = "Only Tensors of floating point and complex dtype can require gradients"
NO_NUMPY = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
NOT_COPIED = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
    "moment.  If you were attempting to deepcopy a module, this may be because of a "
    "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
)
NO_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't "
    "be populated during autograd.backward(). If you indeed want the .grad field to be populated for a "
    "non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by "
    "mistake, make sure you access the leaf Tensor instead."
)


class RemovableHandle:
    """What registering a hook gives: `remove` takes it back."""

    def __init__(self, hooks: dict[int, Any]) -> None:
        self._hooks = hooks
        self.id = max(hooks, default=-1) + 1

    def remove(self) -> None:
        """Take the hook back."""
        self._hooks.pop(self.id, None)


class TensorGradients:
    """The part of a tensor that knows of gradients. `variable` holds what is known of its array."""

    __slots__ = ()
    array: Array
    variable: Variable | None

    def _known(self) -> Variable | None:
        """What is known of the array, held from now on."""
        if self.variable is None:
            self.variable = find(self.array)
        return self.variable

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are recorded of what is computed of it."""
        found = self._known()
        return found is not None and found.requires

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Have gradients be recorded of what is computed of it, or not.

        Raises:
            OperatorError: it has no gradients, or is a result that has.
        """
        found = self._known()
        if found is not None and found.node is not None:
            if not requires_grad:
                raise OperatorError(NOT_A_LEAF)
        elif requires_grad:
            if not is_differentiable(dtypes.by_numpy(self.array.dtype)):
                raise OperatorError(NOT_DIFFERENTIABLE)
            self.variable = variable_of(self.array)
            self.variable.is_required = True
        elif found is not None:
            found.is_required = False
        if RECORDER.get() is not None:
            _call("requires_grad_", self, requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it is no result of what is recorded."""
        found = self._known()
        return found is None or found.node is None

    @property
    def grad_fn(self) -> Node | None:
        """The recorded call that gave it."""
        found = self._known()
        return None if found is None else found.node

    @property
    def grad(self) -> Tensor | None:
        """The gradients that `backward` has summed up."""
        found = self._known()
        if found is None:
            return None
        if found.node is not None and not found.retains:
            warnings.warn(NO_LEAF, UserWarning, stacklevel=2)
        if found.gradient is None:
            return None
        if found.seen is None or found.seen.array is not found.gradient.array:
            found.seen = _tensor(found.gradient.array)
        return found.seen

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is None and self._known() is None:
            return
        if gradient is not None:
            self._require_like(gradient)
        found = self.variable = variable_of(self.array)
        found.seen = gradient
        found.gradient = None if gradient is None else variable_of(gradient.array)

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def _require_like(self, gradient: object) -> None:
        if not isinstance(gradient, TensorGradients):
            kind = type(gradient).__name__
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {kind}")
        own, given = list(self.array.shape), list(gradient.array.shape)
        if own != given:
            raise OperatorError(
                f"attempting to assign a gradient of size '{_sizes(given)}' to a tensor of size "
                f"'{_sizes(own)}'. Please ensure that the gradient and the tensor are the same size"
            )
        if self.array.dtype != gradient.array.dtype:
            raise OperatorError(
                f"attempting to assign a gradient with dtype '{gradient.array.dtype}' to a tensor with dtype "
                f"'{self.array.dtype}'. The gradient must match the tensor's dtype"
            )

    def retain_grad(self) -> None:
        """Have `backward` sum gradients up though it is no leaf.

        Raises:
            OperatorError: it requires no gradients.
        """
        found = self._known()
        if found is None or not found.requires:
            raise OperatorError("can't retain_grad on Tensor that has requires_grad=False")
        found.retains = found.node is not None

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on a result."""
        found = self._known()
        return found is not None and found.retains

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(gradient)`` when a gradient of the tensor has been computed; what it returns, if
        anything, replaces the gradient.

        Raises:
            OperatorError: it requires no gradients.
        """
        found = self._known()
        if found is None or not found.requires:
            raise OperatorError("cannot register a hook on a tensor that doesn't require gradient")

        def seen(gradient: Array) -> Array | None:
            replaced = hook(_tensor(gradient))
            return None if replaced is None else replaced.array

        handle = RemovableHandle(cast("dict[int, Any]", found.hooks))
        found.hooks[handle.id] = seen
        return handle

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add the gradients of this tensor, times `gradient`, to those of the leaves that it was computed of,
        or of `inputs`.
        """
        from tsc.runtime.python_gradients import backward

        backward(cast("Any", self), gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The tensor in the same memory, with nothing behind it."""
        return _call("detach", self)

    def detach_(self) -> Self:
        """Forget what it was computed of.

        Raises:
            OperatorError: it is a view.
        """
        found = self._known()
        if found is not None:
            found.detach()
        return _call("detach_", self)

    def rebase(self, array: Array) -> None:
        """Have it be over another array, as a leaf if it was one."""
        wants, gradient = self.requires_grad, self.grad
        self.array, self.variable = array, find(array)
        if wants:
            self.requires_grad_()
        if gradient is not None:
            self.grad = _tensor(gradient.array.astype(array.dtype))


def _sizes(sizes: Sequence[int]) -> str:
    return f"[{', '.join(map(str, sizes))}]"


def _call(name: str, *arguments: object) -> Any:
    """Call an operator: a trace is told."""
    from tsc.runtime.dispatch import operator_function

    return operator_function(name)(*arguments)


def _tensor(array: Array) -> Tensor:
    from tsc.runtime.tensor import Tensor

    return Tensor(array)
