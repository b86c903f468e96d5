"""A model fitted by hand, without PyTorch: gradients of a small network, and steps against them under
`no_grad`.

Writes ``fit.pt``, the fitted network frozen, if ``--save`` is given.
"""

import sys

import tsc as torch
from tsc import Tensor, nn

POINTS, WIDTH, STEPS, RATE = 256, 32, 400, 0.1


class Wave(nn.Module):
    """A number from a number, by one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, WIDTH)
        self.out = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, 1]`` from ``[n, 1]``."""
        return self.out(torch.tanh(self.hidden(x)))


def fit(model: Wave, x: Tensor, y: Tensor) -> list[float]:
    """Descend along the gradients of all parameters, each with its momentum; the loss at every step."""
    speeds = [torch.zeros_like(parameter) for parameter in model.parameters()]
    losses: list[float] = []
    for _ in range(STEPS):
        loss = ((model(x) - y) ** 2).mean()
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter, speed in zip(model.parameters(), speeds, strict=True):
                assert parameter.grad is not None
                speed.mul_(0.9).add_(parameter.grad)
                parameter.sub_(speed, alpha=RATE)
        losses.append(loss.item())
    return losses


def main() -> None:
    """Fit a wave, and run what was fitted compiled."""
    torch.manual_seed(0)
    model = Wave()
    x = torch.linspace(-3, 3, POINTS).reshape(-1, 1)
    losses = fit(model, x, torch.sin(2 * x))
    print(f"loss {losses[0]:.6f} at first, {losses[-1]:.6f} after {STEPS} steps")
    fast = torch.jit.optimize_for_inference(torch.jit.script(model.eval()))
    with torch.no_grad():
        apart = (fast(x) - model(x)).abs().max().item()
    print(f"compiled, it gives the same to {apart:.0e}")
    if "--save" in sys.argv:
        torch.jit.save(fast, "fit.pt")


if __name__ == "__main__":
    main()
