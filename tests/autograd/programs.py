# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false, reportUnknownLambdaType=false
"""Programs on gradients, for PyTorch and for `tsc`: each is given the library, and returns what it saw."""

import copy
from typing import Any

import numpy as np


def leaf(torch: Any, *numbers: float) -> Any:
    return torch.tensor(numbers or [1.0, 2.0, 3.0], requires_grad=True)


def weighted(torch: Any, y: Any) -> Any:
    return (y * torch.arange(1.0, 1 + y.numel()).reshape(list(y.shape))).sum()


# --- flags, and how tensors come to have them ---


def made_with_gradients(torch: Any) -> Any:
    return [
        torch.zeros(2, requires_grad=True),
        torch.arange(3.0, requires_grad=True),
        torch.full((2,), 1.0, requires_grad=True),
        torch.linspace(0, 1, 3, requires_grad=True),
        torch.randn(2, requires_grad=True).requires_grad,
        torch.ones_like(leaf(torch)),
        torch.zeros(2).requires_grad_(),
    ]


def flags_of_results(torch: Any) -> Any:
    x = leaf(torch)
    y = x.view(3)
    return [
        y, y.grad_fn is None, x.grad_fn, (x + 1).grad_fn.name(), torch.exp(x).grad_fn.name(), x.detach(),
        x.data,
        x > 1, x.argmax(), torch.zeros_like(x), (x * 2).detach_(), x.sum(0).grad_fn.name(), x.grad,
    ]  # fmt: skip


def told_in_text(torch: Any) -> Any:
    x = leaf(torch)
    return [repr(x), repr(x * 2), repr(x[0]), repr(x.sum(0)), repr(torch.nn.Parameter(torch.ones(1)))]


def flags_change(torch: Any) -> Any:
    x = leaf(torch)
    x.requires_grad = False
    before = x * 2
    x.requires_grad = True
    return before, x * 2


def parameters_and_modules(torch: Any) -> Any:
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -2.0]]))
        layer.bias.zero_()
    y = layer(torch.tensor([[1.0, 2.0]]))
    y.sum().backward()
    summed = [parameter.grad for parameter in layer.parameters()]
    layer.zero_grad()
    forgotten = [parameter.grad for parameter in layer.parameters()]
    frozen = layer.requires_grad_(False)(torch.ones(1, 2))
    plain = torch.nn.Parameter(torch.ones(1), requires_grad=False)
    return y, summed, forgotten, frozen, plain, torch.nn.Parameter(torch.ones(1))


def copies(torch: Any) -> Any:
    x = leaf(torch)
    (x * 2).sum().backward()
    made = copy.deepcopy(x)
    return made, made.grad, made.grad is x.grad


# --- modes ---


def modes(torch: Any) -> Any:
    x = leaf(torch)

    @torch.no_grad()
    def called(x: Any) -> Any:
        return x * 2, torch.is_grad_enabled()

    @torch.no_grad
    def bare(x: Any) -> Any:
        return x * 2

    @torch.no_grad()
    def steps(x: Any) -> Any:
        yield x * 2
        yield x * 3

    seen = [called(x), bare(x), [(y, torch.is_grad_enabled()) for y in steps(x)]]
    with torch.no_grad():
        seen += [x * 2, torch.is_grad_enabled()]
        with torch.enable_grad():
            seen += [x * 2]
        with torch.set_grad_enabled(True):
            seen += [x * 2]
    torch.set_grad_enabled(False)
    seen += [x * 2]
    torch.set_grad_enabled(True)
    with torch.inference_mode(False):
        seen += [x * 2]
    with torch.inference_mode():
        seen += [torch.is_grad_enabled(), (x * 2).requires_grad]
    return seen, torch.is_grad_enabled()


# --- backward ---


def gradients_are_summed_up(torch: Any) -> Any:
    x = leaf(torch)
    (x * 2).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    seen = [first, x.grad]
    x.grad.zero_()
    (x * 3).sum().backward()
    seen += [x.grad.clone()]
    x.grad = torch.tensor([1.0, 2.0, 3.0])
    (x * 3).sum().backward()
    seen += [x.grad]
    x.grad = None
    return seen, x.grad


def backward_with_arguments(torch: Any) -> Any:
    x, w = leaf(torch), leaf(torch)
    (x * w).backward(torch.tensor([1.0, 0.0, 2.0]), inputs=[x])
    torch.autograd.backward([(x * x).sum(), w * w], [None, torch.ones(3)])
    return x.grad, w.grad


def results_may_keep_theirs(torch: Any) -> Any:
    x = leaf(torch)
    y = x * x
    y.retain_grad()
    y.exp().sum().backward()
    return y.grad, x.grad, y.retains_grad, x.retains_grad


def hooks_see_gradients(torch: Any) -> Any:
    x, seen = leaf(torch), []
    y = x * x
    y.register_hook(seen.append)
    handle = x.register_hook(lambda gradient: gradient * 2)
    y.sum().backward()
    first = x.grad.clone()
    handle.remove()
    (x * 1).sum().backward()
    return seen, first, x.grad


def graphs_are_let_go(torch: Any) -> Any:
    x = leaf(torch)
    h = x + 1
    (h * 2).sum().backward()
    (h * 3).sum().backward()
    y = x * x
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return x.grad


def twice_through_a_product(torch: Any) -> Any:
    x = leaf(torch)
    y = x * x
    y.sum().backward()
    y.sum().backward()


# --- autograd.grad ---


def gradients_asked_for(torch: Any) -> Any:
    x, unused, grad = leaf(torch), leaf(torch), torch.autograd.grad
    return [
        grad([(x * x).sum(), x * 3], [x], [None, torch.tensor([1.0, 2.0, 3.0])]),
        grad(x, x, torch.ones(3)),
        grad((x * 1).sum(), [x, unused], allow_unused=True),
        grad((x * 1).sum(), [x, unused], materialize_grads=True),
    ]


def gradients_of_gradients(torch: Any) -> Any:
    x = leaf(torch)
    (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.exp().log().sum(), x, create_graph=True)
    second.sum().backward()
    return first, second, x.grad


def a_penalty_on_gradients(torch: Any) -> Any:
    x, w = leaf(torch), leaf(torch, 0.5, -1.0, 2.0)
    loss = torch.sigmoid(x * w).sum()
    loss.backward(create_graph=True)
    penalty = (x.grad * x.grad).sum()
    return torch.autograd.grad(penalty, [w])


# --- writes ---


def writes_to_results(torch: Any) -> Any:
    x = leaf(torch)
    y = x * 2
    y.add_(x)
    y[0] = 5.0
    y[1] *= 3
    y[2:] = x[:1] * 4
    weighted(torch, y).backward()
    return x.grad, y


def writes_to_new_tensors(torch: Any) -> Any:
    x = leaf(torch)
    y = torch.zeros(3, 2)
    y[:, 0] = x * x
    y[1] = x[0]
    weighted(torch, y).backward()
    return x.grad, y


def views_read_beside_what_was_written(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0, 3.0, 4.0)
    whole = (x * 1).view(2, 2)
    turned = whole.t()
    whole.view(-1).mul_(3)
    torch.cat([whole, turned], 0).sum().backward()
    return x.grad


def replaced_by_what_requires_nothing(torch: Any) -> Any:
    x = leaf(torch)
    filled, emptied, copied = (x * 1 for _ in range(3))
    filled.fill_(2.0)
    emptied.zero_()
    copied.copy_(torch.ones(3))
    found = [torch.autograd.grad(y.sum(), x)[0] for y in (filled, emptied, copied)]
    return filled, emptied, copied, found, torch.full_like(x, 2.0), torch.zeros(3).type_as(x)


def writes_through_views(torch: Any) -> Any:
    x, made = leaf(torch), torch.zeros(3)
    first = made[0]
    first += x[1]
    y = x * 1
    y[1:].mul_(2)
    weighted(torch, y.pow(2) + made).backward()
    return x.grad, made, first


def writes_without_gradients(torch: Any) -> Any:
    x = leaf(torch)
    with torch.no_grad():
        x -= 1
        x[0] = 7.0
        x.data.mul_(2)
    (x * x).sum().backward()
    y = x.detach()
    y[1] = 9.0
    return x, x.grad, y


# --- what is refused ---

REFUSED: dict[str, Any] = {
    "integers": lambda torch: torch.tensor([1]).requires_grad_(),
    "integers made": lambda torch: torch.zeros(2, dtype=torch.int64, requires_grad=True),
    "integer tensor": lambda torch: torch.tensor([1], requires_grad=True),
    "integer parameter": lambda torch: torch.nn.Parameter(torch.tensor([1])),
    "write to a leaf": lambda torch: leaf(torch).add_(1),
    "write to a leaf's item": lambda torch: leaf(torch).__setitem__(0, 1.0),
    "write to a leaf's view": lambda torch: leaf(torch)[1:].mul_(2),
    "numpy": lambda torch: leaf(torch).numpy(),
    "asarray": lambda torch: np.asarray(leaf(torch) * 2),
    "resize": lambda torch: leaf(torch).resize_(4),
    "out": lambda torch: torch.add(leaf(torch), 1, out=torch.zeros(3)),
    "a result's flag": lambda torch: (leaf(torch) * 2).requires_grad_(False),
    "a result copied": lambda torch: copy.deepcopy(leaf(torch) * 2),
    "gradient of another kind": lambda torch: setattr(leaf(torch), "grad", 3),
    "gradient of another size": lambda torch: setattr(leaf(torch), "grad", torch.ones(2)),
    "not a scalar": lambda torch: (leaf(torch) * 2).backward(),
    "nothing required": lambda torch: torch.ones(1).sum().backward(),
    "other shape": lambda torch: torch.autograd.grad(leaf(torch) * 2, leaf(torch), torch.ones(2)),
    "input not required": lambda torch: torch.autograd.grad(leaf(torch).sum(), torch.ones(1)),
    "input not used": lambda torch: torch.autograd.grad(leaf(torch).sum(), leaf(torch)),
    "materialized": lambda torch: torch.autograd.grad(
        leaf(torch).sum(), leaf(torch), materialize_grads=True, allow_unused=False
    ),
    "no inputs": lambda torch: leaf(torch).sum().backward(inputs=[]),
    "one of several": lambda torch: torch.autograd.backward([leaf(torch).sum(), torch.ones(1)]),
    "nothing to retain": lambda torch: torch.ones(1).retain_grad(),
    "nothing to see": lambda torch: torch.ones(1).register_hook(print),
    "one of several views": lambda torch: torch.split(leaf(torch) * 1, 1)[1].mul_(2),
    "one of several unbound": lambda torch: torch.unbind(leaf(torch) * 1)[2].add_(1),
    "one of several chunks": lambda torch: torch.chunk(leaf(torch) * 1, 2)[1].mul_(2),
    "a view of one of several": lambda torch: torch.split(leaf(torch) * 1, 2)[0].view(2).mul_(2),
    "a second time": twice_through_a_product,
}

# --- operators ---

OPERATORS: dict[str, Any] = {
    "slice": lambda torch, x: x[1:],
    "new dim": lambda torch, x: x[None, ::2],
    "places": lambda torch, x: x[[0, 0, 1]],
    "mask": lambda torch, x: x[x > 1],
    "last": lambda torch, x: x[-1],
    "iterated": lambda torch, x: sum(list(x)),
    "T": lambda torch, x: x.view(1, 3).T,
    "mT": lambda torch, x: x.view(1, 3).mT,
    "H": lambda torch, x: x.view(1, 3).H,
    "real": lambda torch, x: x.real,
    "number minus": lambda torch, x: 2 - x,
    "number by": lambda torch, x: 2 / x,
    "power of": lambda torch, x: 2**x,
    "product": lambda torch, x: x.view(1, 3) @ x.view(3, 1),
    "times": lambda torch, x: 3 * x,
    "minus": lambda torch, x: -x,
    "abs": lambda torch, x: abs(x),
    "remainder": lambda torch, x: x % 2,
    "converted": lambda torch, x: x.double().float(),
    "detached": lambda torch, x: x * x.detach() * x.data,
    "joined": lambda torch, x: torch.cat([x, x * 2]),
    "split": lambda torch, x: torch.split(x, 1)[1],
    "unbound": lambda torch, x: torch.unbind(x)[2],
    "sorted": lambda torch, x: x.sort(descending=True)[0],
    "largest": lambda torch, x: x.max(0)[0],
    "softmax": lambda torch, x: torch.softmax(x, 0),
    "where": lambda torch, x: torch.where(x > 1, x, x * 3),
    "gathered": lambda torch, x: x.gather(0, torch.tensor([2, 0])),
    "summed up": lambda torch, x: x.cumsum(0),
    "scattered": lambda torch, x: torch.zeros(4).scatter_add(0, torch.tensor([1, 1, 2]), x),
    "variance": lambda torch, x: x.var(),
    "norm": lambda torch, x: x.norm(),
    "spread": lambda torch, x: x.expand(2, 3),
    "gelu": lambda torch, x: torch.nn.functional.gelu(x),
    "squares": lambda torch, x: torch.nn.functional.mse_loss(x, torch.zeros(3)),
    "classes": lambda torch, x: torch.nn.functional.cross_entropy(x.view(1, 3), torch.tensor([1])),
    "convolved": lambda torch, x: torch.nn.functional.conv1d(x.view(1, 1, 3), torch.ones(1, 1, 2)),
    "pooled": lambda torch, x: torch.nn.functional.max_pool1d(x.view(1, 1, 3), 2),
    "normalized": lambda torch, x: torch.nn.functional.layer_norm(x * x * x, [3]),
    "without a bias": lambda torch, x: torch.nn.functional.linear(x, torch.ones(2, 3)),
}
"""Operators and methods on a tensor of three numbers."""

PROGRAMS: dict[str, Any] = {
    function.__name__: function
    for function in (
        made_with_gradients, flags_of_results, told_in_text, flags_change, parameters_and_modules, copies,
        modes,
        gradients_are_summed_up, backward_with_arguments, results_may_keep_theirs, hooks_see_gradients,
        graphs_are_let_go, gradients_asked_for, gradients_of_gradients, a_penalty_on_gradients,
        writes_to_results,
        writes_to_new_tensors, writes_through_views, writes_without_gradients,
        views_read_beside_what_was_written, replaced_by_what_requires_nothing,
    )
}  # fmt: skip
