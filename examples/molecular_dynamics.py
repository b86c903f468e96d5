"""Molecular dynamics with a learned potential, without PyTorch: energies by messages between atoms, forces as
their gradient, neighbours that change, and the energy kept over a thousand steps.

The weights are random, so the molecule is none; that energy is kept says that forces are the gradient.
``--plot FILE`` draws the total energy.
"""

import math
import sys
import time
from pathlib import Path

import numpy as np

import tsc as torch
from tsc import Tensor, nn

CUTOFF, STEPS, STEP, ATOMS = 4.0, 1000, 0.005, 24


class Messages(nn.Module):
    """Each atom hears its neighbours, the nearer the louder."""

    def __init__(self, width: int, basis: int) -> None:
        super().__init__()
        self.loudness = nn.Sequential(nn.Linear(basis, width), nn.SiLU(), nn.Linear(width, width))
        self.mix = nn.Linear(width, width, bias=False)
        self.out = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor, source: Tensor, target: Tensor, basis: Tensor, smooth: Tensor) -> Tensor:
        """What atoms are after they have heard; at the cutoff nothing is heard: ``[atoms, width]``."""
        heard = self.mix(x).index_select(0, source) * (self.loudness(basis) * smooth)
        return x + self.out(torch.zeros_like(x).index_add(0, target, heard))


class Potential(nn.Module):
    """Energy and forces of atoms at positions ``[n, 3]``, of species ``[n]``, with pairs ``[2, m]``."""

    def __init__(self, width: int = 32, basis: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(8, width)
        self.centers = nn.Parameter(torch.linspace(0.5, CUTOFF, basis))
        self.first, self.second = Messages(width, basis), Messages(width, basis)
        self.readout = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def energy(self, positions: Tensor, species: Tensor, pairs: Tensor) -> Tensor:
        """The energy: one number."""
        source, target = pairs[0], pairs[1]
        away = positions.index_select(0, source) - positions.index_select(0, target)
        r = torch.linalg.vector_norm(away, dim=-1)
        smooth = 0.5 * (torch.cos(r * (math.pi / 4.0)) + 1.0) * (r < 4.0).to(r.dtype)
        basis = torch.exp(-4.0 * (r.unsqueeze(-1) - self.centers) ** 2)
        x = self.embed(species)
        x = self.first(x, source, target, basis, smooth.unsqueeze(-1))
        x = self.second(x, source, target, basis, smooth.unsqueeze(-1))
        apart = (0.05 / r**6 * smooth).sum()  # atoms do not fall into one another
        return self.readout(x).sum() + apart

    def forward(self, positions: Tensor, species: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """The energy and the forces ``[n, 3]``."""
        positions = positions.detach().requires_grad_(True)
        energy = self.energy(positions, species, pairs)
        gradient = torch.autograd.grad([energy], [positions])[0]
        assert gradient is not None
        return energy.detach(), -gradient


def neighbours(positions: np.ndarray) -> np.ndarray:
    """The pairs of atoms that are nearer than the cutoff."""
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    return np.stack(np.nonzero((distance < CUTOFF) & (distance > 0)))


def main() -> int:
    """Run the dynamics; 0 when the energy is kept."""
    torch.manual_seed(0)
    potential = torch.optimize_for_inference(torch.script(Potential().eval()))
    generator = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)[:ATOMS]
    positions = (grid * 1.6 + generator.normal(0, 0.05, (ATOMS, 3))).astype(np.float32)
    velocities = generator.normal(0, 0.3, (ATOMS, 3)).astype(np.float32)
    species = generator.integers(0, 8, ATOMS)
    energy, forces = potential(positions, species, neighbours(positions))
    totals: list[float] = []
    counts: set[int] = set()
    seconds: list[float] = []
    for _ in range(STEPS):  # velocity Verlet, masses of 1
        velocities += 0.5 * STEP * forces
        positions += STEP * velocities
        pairs = neighbours(positions)
        counts.add(pairs.shape[1])
        begin = time.perf_counter()
        energy, forces = potential(positions, species, pairs)
        seconds.append(time.perf_counter() - begin)
        velocities += 0.5 * STEP * forces
        totals.append(float(energy) + 0.5 * float((velocities.astype(np.float64) ** 2).sum()))
    moved = 0.5 * float((velocities.astype(np.float64) ** 2).sum())
    drift = max(totals) - min(totals)
    taken = np.median(seconds) * 1e6
    print(f"{STEPS} steps of {ATOMS} atoms, {len(counts)} numbers of pairs")
    print(f"energy and forces take {taken:.0f} us (median)")
    print(
        f"kinetic energy {moved:.3f}, total energy {totals[-1]:.4f}, largest change of the total {drift:.2e}"
    )
    print(potential.forward.specializations())
    if sys.argv[-2:-1] == ["--plot"]:
        plotted(totals, Path(sys.argv[-1]))
    return 0 if drift < 0.02 * moved else 1


def plotted(totals: list[float], path: Path) -> None:
    """A picture of the total energy: needs matplotlib."""
    from matplotlib import pyplot

    pyplot.figure(figsize=(6, 3))
    pyplot.plot(np.arange(STEPS) * STEP, totals)
    pyplot.xlabel("time")
    pyplot.ylabel("total energy")
    pyplot.tight_layout()
    pyplot.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
