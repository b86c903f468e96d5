"""``torch.autograd.functional``: derivatives of Python functions of tensors, as wholes or times vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

from tsc.errors import NotSupportedError, OperatorError
from tsc.runtime.grad_modes import enable_grad
from tsc.runtime.noting import operator_of
from tsc.runtime.python_gradients import grad
from tsc.runtime.tensor import Tensor

Function: TypeAlias = Callable[..., Any]
Tensors: TypeAlias = tuple[Tensor, ...]
Given: TypeAlias = Tensor | Tensors
OUTPUTS = "outputs of the user-provided function"
INDEPENDENT = (
    "The output of the user-provided function is independent of input {}. This is not allowed in strict mode."
)
PART_INDEPENDENT = (
    "Output {} of the user-provided function is independent of input {}. This is not allowed in strict mode."
)
UNRECORDED = (
    "Output {} of the user-provided function does not require gradients. The outputs must be computed in a "
    "differentiable manner from the input when running in strict mode."
)
JACOBIAN_INDEPENDENT = (
    "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict "
    "mode when create_graph=True."
)
LINEAR = (
    "While computing the hessian, found that the jacobian of the user-provided function with respect to "
    "input {} is independent of the input. This is not allowed in strict mode. You should ensure that your "
    "function is twice differentiable and that the jacobian depends on the inputs (this would be violated by "
    "a linear function for example)."
)
HESSIAN_INDEPENDENT = (
    "The hessian of the user-provided function is independent of input {}. This is not allowed in strict "
    "mode when create_graph=True."
)
UNKNOWN_STRATEGY = 'Expected strategy to be either "forward-mode" or "reverse-mode".'
STRATEGY_HINT = (
    'Hint: If your function has more outputs than inputs, "forward-mode" tends to be more performant. '
    'Otherwise, prefer to use "reverse-mode".'
)
FORWARD_MODE = (
    "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for "
    "`vectorize=True`."
)


def vjp(
    func: Function, inputs: Given, v: Given | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What ``func(*inputs)`` gives, and `v` times its Jacobian.

    Raises:
        OperatorError: `v` has not the outputs' shapes; if `strict`, outputs do not depend on all inputs.
    """
    with enable_grad():
        given, is_many = _prepared(inputs, "vjp", create_graph)
        outputs, are_many = _outputs(func, given, "vjp", strict)
        vector = _vector(v, outputs, "vjp", "the user-provided function returns", are_many)
    found = _gradients(outputs, given, vector, create_graph)
    _require_all(found, strict, INDEPENDENT)
    products = _filled(found, given)
    _require_recorded(products, strict and create_graph, JACOBIAN_INDEPENDENT)
    return _back(outputs, are_many, create_graph), _back(products, is_many, create_graph)


def jvp(
    func: Function, inputs: Given, v: Given | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What ``func(*inputs)`` gives, and its Jacobian times `v`: the gradient of ``u * Jacobian``, which is
    linear in `u`, by `u`.

    Raises:
        OperatorError: `v` does not have the inputs' shapes; if `strict`, outputs do not depend on all inputs.
    """
    with enable_grad():
        given, is_many = _prepared(inputs, "jvp", create_graph)
        vector = _vector(v, given, "jvp", "the input to the user-provided function is", is_many)
        outputs, are_many = _outputs(func, given, "jvp", strict)
        weights = _weights(outputs)
        found = _gradients(outputs, given, weights, create_graph=True)
        _require_all(found, strict, INDEPENDENT)
        products = _filled(_gradients(_filled(found, given), weights, vector, create_graph), weights)
    _require_recorded(products, strict and create_graph, JACOBIAN_INDEPENDENT)
    return _back(outputs, are_many, create_graph), _back(products, are_many, create_graph)


def vhp(
    func: Function, inputs: Given, v: Given | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What ``func(*inputs)`` gives, one number, and `v` times its Hessian.

    Raises:
        OperatorError: it gives something else, `v` has not the inputs' shapes; if `strict`, the gradient
            does not depend on all inputs.
    """
    with enable_grad():
        given, is_many, vector, outputs, slopes = _slopes(func, inputs, v, "vhp", create_graph, strict)
    products = _filled(_gradients(slopes, given, vector, create_graph), given)
    _require_recorded(products, strict and create_graph, HESSIAN_INDEPENDENT)
    return _back(outputs, False, create_graph), _back(products, is_many, create_graph)


def hvp(
    func: Function, inputs: Given, v: Given | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What ``func(*inputs)`` gives, one number, and its Hessian times `v`: as `jvp` of the gradient.

    Raises:
        OperatorError: as for `vhp`.
    """
    with enable_grad():
        given, is_many, vector, outputs, slopes = _slopes(func, inputs, v, "hvp", create_graph, strict)
        weights = _weights(given)
        turned = _filled(_gradients(slopes, given, weights, create_graph=True), given)
        products = _filled(_gradients(turned, weights, vector, create_graph), weights)
    _require_recorded(products, strict and create_graph, HESSIAN_INDEPENDENT)
    return _back(outputs, False, create_graph), _back(products, is_many, create_graph)


def jacobian(
    func: Function,
    inputs: Given,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivatives of each element of each output by each element of each input: for an output and an
    input a tensor of the sizes of both. `vectorize` and a `strategy` change nothing of that.

    Raises:
        OperatorError: if `strict`, outputs do not depend on all inputs.
        NotSupportedError: forward mode without `vectorize`, as in PyTorch.
    """
    assert strategy in ("forward-mode", "reverse-mode"), f"{UNKNOWN_STRATEGY} {STRATEGY_HINT}"
    if strategy == "forward-mode" and not vectorize:
        raise NotSupportedError(FORWARD_MODE)
    if strict and vectorize:
        raise OperatorError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported "
            "together. Please either set `strict=False` or `vectorize=False`."
        )
    return _jacobian(func, inputs, "jacobian", create_graph, strict)


def hessian(
    func: Function,
    inputs: Given,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of one number by each pair of elements of the inputs.

    Raises:
        OperatorError: `func` gives something else; if `strict`, its gradient does not depend on all inputs.
        NotSupportedError: forward mode without `vectorize`, as in PyTorch.
    """
    assert outer_jacobian_strategy in ("forward-mode", "reverse-mode"), UNKNOWN_STRATEGY
    if outer_jacobian_strategy == "forward-mode" and not vectorize:
        raise NotSupportedError(FORWARD_MODE)

    def slopes(*given: Tensor) -> Any:
        held: Given = given if isinstance(inputs, tuple) else given[0]
        return _jacobian(lambda *xs: _one_number(func, xs, strict), held, "hessian", True, strict, LINEAR)

    return _jacobian(slopes, inputs, "hessian", create_graph, strict)


def _jacobian(
    func: Function,
    inputs: Given,
    name: str,
    create_graph: bool,
    strict: bool,
    refusal: str = JACOBIAN_INDEPENDENT,
) -> Any:
    """The Jacobian; `refusal` is what is said if `strict` where it is constant, and its graph wanted."""
    with enable_grad():
        given, is_many = _prepared(inputs, name, create_graph)
        outputs, are_many = _outputs(func, given, name, strict)
        rows = tuple(
            _row(output, number, given, create_graph, strict) for number, output in enumerate(outputs)
        )
        for number, row in enumerate(rows):  # PyTorch counts the outputs here, and calls them inputs
            told = refusal.format(number) if refusal is JACOBIAN_INDEPENDENT else refusal
            _require_recorded(row, strict and create_graph, told)
    made = tuple(_back(row, is_many, create_graph) for row in rows)
    return made if are_many else made[0]


def _row(output: Tensor, number: int, given: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """The derivatives of one output by each input."""
    parts: list[list[Tensor]] = [[] for _ in given]
    for element in range(output.array.size):
        chosen = operator_of("reshape")(output, [-1])[element]
        found = _gradients((chosen,), given, (None,), create_graph, retain_graph=True)
        for position, gradient in enumerate(found):
            if gradient is None and strict:
                raise OperatorError(PART_INDEPENDENT.format(number, position))
            parts[position].append(_filled((gradient,), (given[position],))[0])
    return tuple(
        operator_of("reshape")(operator_of("stack")(part), [*output.shape, *value.shape])
        if part
        else operator_of("zeros")([*output.shape, *value.shape])
        for part, value in zip(parts, given, strict=True)
    )


# --- what is given ---


def _many(given: Any, what: str, name: str) -> tuple[Tensors, bool]:
    """Tensors as a tuple, and whether they were one.

    Raises:
        TypeError: something else is among them.
    """
    is_many = isinstance(given, tuple)
    for position, value in enumerate(cast("tuple[Any, ...]", given if is_many else (given,))):
        if not isinstance(value, Tensor):
            place = f"the value at index {position}" if is_many else f"the given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but {place} has "
                f"type {type(value)}."
            )
    return cast("Tensors", given if is_many else (given,)), is_many


def _prepared(inputs: Given, name: str, create_graph: bool) -> tuple[Tensors, bool]:
    """Tensors like the inputs that require gradients: apart from those, or depending on them."""
    given, is_many = _many(inputs, "inputs", name)
    return tuple(_depending(x, create_graph) for x in given), is_many


def _depending(tensor: Tensor, create_graph: bool) -> Tensor:
    if create_graph and tensor.requires_grad:
        return operator_of("view_as")(tensor, tensor)
    return tensor.detach().requires_grad_()


def _weights(like: Sequence[Tensor]) -> Tensors:
    """Zeros that require gradients: what is linear in them is differentiated by them."""
    return tuple(operator_of("zeros_like")(tensor).requires_grad_() for tensor in like)


def _outputs(func: Function, given: Tensors, name: str, strict: bool) -> tuple[Tensors, bool]:
    outputs, are_many = _many(func(*given), OUTPUTS, name)
    _require_recorded(outputs, strict, UNRECORDED)
    return outputs, are_many


def _one_number(func: Function, given: Tensors, strict: bool) -> Tensor:
    """What a function whose Hessian is wanted gives: one number."""
    outputs, are_many = _outputs(func, given, "hessian", strict)
    _require_one_number(outputs, are_many, "hessian")
    return operator_of("squeeze")(outputs[0]) if outputs[0].ndim else outputs[0]


def _require_one_number(outputs: Tensors, are_many: bool, name: str) -> None:
    if are_many:
        raise OperatorError(f"The function given to {name} should return a single Tensor")
    if outputs[0].array.size != 1:
        raise OperatorError(
            f"The Tensor returned by the function given to {name} should contain a single element"
        )


def _slopes(
    func: Function, inputs: Given, v: Given | None, name: str, create_graph: bool, strict: bool
) -> tuple[Tensors, bool, Tensors, Tensors, Tensors]:
    """The inputs, whether they are many, the vector, the one output, and its gradients by the inputs."""
    given, is_many = _prepared(inputs, name, create_graph)
    vector = _vector(v, given, name, "the input to the user-provided function is", is_many)
    outputs, are_many = _outputs(func, given, name, strict)
    _require_one_number(outputs, are_many, name)
    found = _gradients(outputs, given, (None,), create_graph=True)
    _require_all(found, strict, INDEPENDENT)
    slopes = _filled(found, given)
    _require_recorded(slopes, strict, LINEAR)
    return given, is_many, vector, outputs, slopes


def _vector(v: Given | None, like: Tensors, name: str, place: str, is_many: bool) -> Tensors:
    """The vector, one tensor like each of `like`; ones where that is one number and nothing is given.

    Raises:
        OperatorError: it has other sizes.
    """
    if v is None:
        if len(like) != 1 or like[0].array.size != 1:
            raise OperatorError(
                f"The vector v can only be None if {place} a single Tensor with a single element."
            )
        return (operator_of("ones_like")(like[0]),)
    vector, _ = _many(v, "v", name)
    if len(vector) != len(like):
        if is_many:
            raise OperatorError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(vector)}."
            )
        raise OperatorError("The given v should contain a single Tensor.")
    for position, (given, wanted) in enumerate(zip(vector, like, strict=True)):
        if given.shape != wanted.shape:
            entry = f"Entry {position} in " if is_many else ""
            raise OperatorError(
                f"{entry}v has invalid size: should be {_size(wanted)} but got {_size(given)}."
            )
    return tuple(given.detach() if not given.requires_grad else given for given in vector)


def _size(tensor: Tensor) -> str:
    return f"torch.Size({list(tensor.shape)})"


# --- what is computed ---


def _gradients(
    outputs: Sequence[Tensor],
    inputs: Tensors,
    vector: Sequence[Tensor | None],
    create_graph: bool,
    retain_graph: bool | None = None,
) -> Sequence[Tensor | None]:
    """The gradients of the outputs that have some; None where nothing flows."""
    pairs = [(o, v) for o, v in zip(outputs, vector, strict=True) if o.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    ends, begins = zip(*pairs, strict=True)
    return grad(ends, inputs, begins, retain_graph, create_graph, allow_unused=True)


def _filled(gradients: Sequence[Tensor | None], like: Sequence[Tensor]) -> Tensors:
    """The gradients, zeros where nothing flows."""
    return tuple(
        operator_of("zeros_like")(value) if gradient is None else gradient
        for gradient, value in zip(gradients, like, strict=True)
    )


def _require_all(gradients: Sequence[Tensor | None], strict: bool, sentence: str) -> None:
    for position, gradient in enumerate(gradients):
        if strict and gradient is None:
            raise OperatorError(sentence.format(position))


def _require_recorded(tensors: Sequence[Tensor], strict: bool, sentence: str) -> None:
    for position, tensor in enumerate(tensors):
        if strict and not tensor.requires_grad:
            raise OperatorError(sentence.format(position))


def _back(tensors: Tensors, are_many: bool, create_graph: bool) -> Any:
    """Tensors as the caller had them, without what is behind them unless that is wanted."""
    found = tensors if create_graph else tuple(tensor.detach() for tensor in tensors)
    return found if are_many else found[0]
