"""`import tsc as torch`: modules, tensors and functions in a process that has no PyTorch."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

PROGRAM = """
    import sys
    sys.modules["torch"] = None  # importing PyTorch fails from here on
    import tsc as torch
    import numpy as np

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features = torch.nn.Sequential(
                torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8),
                torch.nn.ReLU(), torch.nn.MaxPool2d(2)
            )
            self.head = torch.nn.Linear(8, 4)
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.features(x).mean([2, 3])
            return torch.softmax(self.head(self.drop(x)), -1)

    net = Net().eval()
    x = torch.rand(2, 3, 8, 8)
    scripted = torch.jit.script(net)
    fast = torch.jit.optimize_for_inference(scripted)
    with torch.no_grad():
        for module in (net, scripted, fast):
            y = module(x)
            assert isinstance(y, torch.Tensor), type(y)
            np.testing.assert_allclose(y.numpy(), net(x).numpy(), rtol=1e-5, atol=1e-6)
    assert fast.forward.last.is_native

    @torch.jit.script
    def f(x: torch.Tensor, n: int):
        for i in range(n):
            x = torch.relu(x - 0.1 * i) + 1
        return x.sum()

    z = f(torch.ones(3), 2)
    assert abs(float(z) - 3 * (2 - 0.1 + 1)) < 1e-5, z
    a = torch.arange(6).reshape(2, 3)
    a[0] += 10
    assert (a * 2 + 1).tolist() == [[21, 23, 25], [7, 9, 11]]
    print("fine")
"""


EXAMPLES = Path(__file__).parents[1] / "examples"
ALONE = "import runpy, sys; sys.modules['torch'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"


def run_alone(example: str, folder: Path | None = None) -> str:
    """What an example prints where there is no PyTorch."""
    command = [sys.executable, "-c", ALONE, str(EXAMPLES / example)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_example_without_pytorch_runs() -> None:
    assert "one native function" in run_alone("without_torch.py")


def test_the_demonstration_agrees_with_pytorch_and_leaves_what_it_names(tmp_path: Path) -> None:
    said = run_alone("demo.py", tmp_path)
    assert "PyTorch is not imported" in said
    assert "original_name=DemoNet, frozen, native for x: float32[1, 3, 64, 64]" in said
    assert "make_demo.py:" in said
    assert (tmp_path / "tsc-dump/page.html").stat().st_size > 1e6
    assert list(tmp_path.glob("tsc-dump/*/*-fused-fuse.mlir"))


def test_molecular_dynamics_keeps_its_energy() -> None:
    assert "symbolic sizes of 'pairs'" in run_alone("molecular_dynamics.py")


def test_a_program_for_torch_runs_on_tsc_alone(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(PROGRAM))
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "fine"


def test_a_model_fitted_by_hand_ends_where_pytorchs_does() -> None:
    said = run_alone("fit_by_hand.py")
    source = (EXAMPLES / "fit_by_hand.py").read_text()
    source = source.replace("import tsc as torch", "import torch").replace(
        "from tsc import", "from torch import"
    )
    names: dict[str, Any] = {"__name__": "fit_by_hand"}
    exec(compile(source, "fit_by_hand.py", "exec"), names)
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    x = torch.linspace(-3, 3, names["POINTS"]).reshape(-1, 1)
    losses = names["fit"](names["Wave"](), x, torch.sin(2 * x))
    first, last = (float(found) for found in re.findall(r"\d\.\d{6}", said))
    assert first == pytest.approx(losses[0], rel=1e-5)
    assert last == pytest.approx(losses[-1], rel=1e-2)
    assert last < first / 50


TRAINED = """
    import sys
    sys.modules["torch"] = None
    import tsc as torch

    module = torch.jit.load(sys.argv[1])
    flags = [p.requires_grad for p in module.parameters()]
    x, losses = torch.ones(2, 3), []
    for _ in range(4):
        module.zero_grad()
        loss = (module(x) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            for p in module.parameters():
                if p.grad is not None:
                    p -= 0.05 * p.grad
        losses.append(loss.item())
    assert "DifferentiableGraph" in str(module(x).grad_fn)
    assert not torch.jit.freeze(module.eval())(x).requires_grad
    print(flags, losses)
"""


class Layers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = torch.nn.Linear(3, 4), torch.nn.Linear(4, 1)
        self.out.bias.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.tanh(self.hidden(x)))


def test_parameters_of_a_loaded_module_collect_gradients(tmp_path: Path) -> None:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    layers, x, losses = Layers(), torch.ones(2, 3), list[float]()
    torch.jit.save(torch.jit.script(layers), str(tmp_path / "layers.pt"))  # pyright: ignore[reportUnknownMemberType]
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.05)
    for _ in range(4):
        optimizer.zero_grad()
        loss = (layers(x) ** 2).sum()
        loss.backward()
        optimizer.step()  # pyright: ignore[reportUnknownMemberType]
        losses.append(loss.item())
    command = [sys.executable, "-c", textwrap.dedent(TRAINED), str(tmp_path / "layers.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    flags, _, found = done.stdout.strip().partition("] ")
    assert flags == "[True, True, True, False"
    assert [float(n) for n in found.strip("[]").split(", ")] == pytest.approx(losses, rel=1e-4)
