"""``no_grad`` in a program, and PyTorch's gradient mode around it."""

import torch

import tsc


def doubled(x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        y = x * 2
    return y + 1


def test_a_program_leaves_the_gradient_mode_as_it_was() -> None:
    function = tsc.script(doubled)
    assert torch.is_grad_enabled()
    torch.testing.assert_close(function(torch.ones(3)), torch.full((3,), 3.0))
    assert torch.is_grad_enabled()
    assert function.last is not None
    assert function.last.is_native
    with torch.no_grad():
        function(torch.ones(3))
        assert not torch.is_grad_enabled()


def test_no_grad_stops_gradients_where_they_are_recorded() -> None:
    x = torch.ones(3, requires_grad=True)
    assert not tsc.script(doubled)(x).requires_grad
    assert torch.is_grad_enabled()
