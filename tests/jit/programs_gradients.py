# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# pyright: reportUnknownArgumentType=false, reportOperatorIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportUnnecessaryComparison=false
"""Programs that ask for gradients, as TorchScript takes them, and calls of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Radial(nn.Module):
    """Distances in a basis of Gaussians, smooth up to a cutoff."""

    def __init__(self, count: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.register_buffer("centers", torch.linspace(0.0, cutoff, count))

    def forward(self, r: Tensor) -> Tensor:
        d = r.unsqueeze(-1) - self.centers
        smooth = 0.5 * (torch.cos(r * math.pi / self.cutoff) + 1.0) * (r < self.cutoff).to(r.dtype)
        return torch.exp(-10.0 * d * d) * smooth.unsqueeze(-1)


class Interaction(nn.Module):
    """Messages between neighbours."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.filter = nn.Sequential(nn.Linear(count, width), nn.SiLU(), nn.Linear(width, width))
        self.mix = nn.Linear(width, width, bias=False)
        self.out = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor, source: Tensor, target: Tensor, basis: Tensor) -> Tensor:
        messages = self.mix(x).index_select(0, source) * self.filter(basis)
        return x + self.out(torch.zeros_like(x).index_add(0, target, messages))


class Potential(nn.Module):
    """Positions and edges into an energy."""

    def __init__(self, width: int = 12, count: int = 6, layers: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, width)
        self.radial = Radial(count, 5.0)
        self.blocks = nn.ModuleList([Interaction(width, count) for _ in range(layers)])
        self.readout = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, vectors: Tensor, species: Tensor, edges: Tensor) -> Tensor:
        basis = self.radial(torch.linalg.norm(vectors, dim=-1))
        x = self.embed(species)
        for block in self.blocks:
            x = block(x, edges[0], edges[1], basis)
        return self.readout(x).sum()


class Forces(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.potential = Potential()

    def forward(self, positions: Tensor, species: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        positions = positions.detach().requires_grad_(True)
        vectors = positions.index_select(0, edges[0]) - positions.index_select(0, edges[1])
        energy = self.potential(vectors, species, edges)
        gradient = torch.autograd.grad([energy], [positions])[0]
        assert gradient is not None
        return energy.detach(), -gradient


class ForcesByName(nn.Module):
    """Dicts in and out, and a gradient that may be missing."""

    def __init__(self) -> None:
        super().__init__()
        self.potential = Potential()

    def forward(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        positions = data["positions"]
        positions.requires_grad_(True)
        edges = data["edges"]
        energy = self.potential(positions[edges[0]] - positions[edges[1]], data["species"], edges)
        ones: list[Tensor | None] | None = [torch.ones_like(energy)]
        gradient = torch.autograd.grad(
            [energy], [positions], grad_outputs=ones, create_graph=self.training, retain_graph=self.training
        )[0]
        if gradient is None:
            gradient = torch.zeros_like(positions)
        return {"energy": energy, "forces": -gradient}


class Stress(nn.Module):
    """The derivative by a strain of the cell."""

    def __init__(self) -> None:
        super().__init__()
        self.potential = Potential()

    def forward(
        self, positions: Tensor, cell: Tensor, species: Tensor, edges: Tensor, shifts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        strain = torch.zeros([3, 3], dtype=positions.dtype).requires_grad_(True)
        positions = positions.detach().requires_grad_(True)
        symmetric = 0.5 * (strain + strain.t())
        moved = positions + positions @ symmetric
        vectors = moved[edges[0]] - moved[edges[1]] + shifts @ (cell + cell @ symmetric)
        energy = self.potential(vectors, species, edges)
        gradients = torch.autograd.grad([energy], [positions, strain])
        forces, stress = gradients[0], gradients[1]
        assert forces is not None
        assert stress is not None
        return energy.detach(), -forces, stress / torch.abs(torch.det(cell))


class Ensemble(nn.Module):
    """All pairs and angles, a network for each species, the mean of several."""

    def __init__(self, species: int = 3, members: int = 2) -> None:
        super().__init__()
        self.register_buffer("width", torch.tensor([16.0, 8.0]))
        self.register_buffer("shift", torch.linspace(0.8, 4.0, 4))
        self.register_buffer("power", torch.tensor([8.0]))
        self.register_buffer("angle", torch.linspace(0.2, 2.9, 4))
        count = 8 * species + 4
        self.members = nn.ModuleList([
            nn.ModuleList([
                nn.Sequential(nn.Linear(count, 12), nn.CELU(0.1), nn.Linear(12, 1)) for _ in range(species)
            ])
            for _ in range(members)
        ])  # fmt: skip
        self.species = species

    def features(self, positions: Tensor, species: Tensor) -> Tensor:
        n = positions.shape[0]
        difference = positions.unsqueeze(0) - positions.unsqueeze(1)
        same = torch.eye(n, dtype=torch.bool)
        d = torch.sqrt((difference * difference).sum(-1) + same.to(positions.dtype))
        near = (0.5 * torch.cos(d * (math.pi / 5.2)) + 0.5).masked_fill((d > 5.2) | same, 0.0)
        radial = torch.exp(-self.width.view(-1, 1) * (d.view(n, n, 1, 1) - self.shift) ** 2).flatten(2)
        kinds = torch.nn.functional.one_hot(species, self.species).to(positions.dtype)
        pairs = torch.einsum("ijk,js->isk", radial * near.unsqueeze(-1), kinds).reshape(n, -1)
        unit = difference / d.unsqueeze(-1)
        cosine = torch.einsum("ijk,ilk->ijl", unit, unit) * 0.95
        weight = (near.unsqueeze(2) * near.unsqueeze(1)).masked_fill(same.unsqueeze(0), 0.0)
        terms = ((1 + torch.cos(torch.acos(cosine).unsqueeze(-1) - self.angle)) / 2) ** self.power
        return torch.cat([pairs, (terms * weight.unsqueeze(-1)).sum((1, 2))], 1)

    def forward(self, positions: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
        positions.requires_grad_(True)
        features = self.features(positions, species)
        energies: list[Tensor] = []
        for member in self.members:
            total = torch.zeros([positions.shape[0]], dtype=positions.dtype)
            for kind, network in enumerate(member):
                total = torch.where(species == kind, network(features).squeeze(-1), total)
            energies.append(total.sum())
        energy = torch.stack(energies).mean()
        gradient = torch.autograd.grad([energy], [positions])[0]
        assert gradient is not None
        return energy, -gradient


class Chosen(Ensemble):
    """Each network computes its own atoms alone: sizes depend on elements."""

    def forward(self, positions: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
        positions.requires_grad_(True)
        features = self.features(positions, species)
        energies: list[Tensor] = []
        for member in self.members:
            total = features.new_zeros(positions.shape[0])
            for kind, network in enumerate(member):
                mask = species == kind
                places = mask.nonzero().flatten()
                if places.shape[0] > 0:
                    total.masked_scatter_(mask, network(features.index_select(0, places)).flatten())
            energies.append(total.sum())
        energy = torch.stack(energies).mean()
        gradient = torch.autograd.grad([energy], [positions])[0]
        assert gradient is not None
        return energy, -gradient


class Branching(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_(True)
        y = torch.sin(x)
        if bool(x.sum() > 0):
            y = y * x
            z = torch.exp(y)
        else:
            z = y - 2 * x
        energy = (z * y).sum()
        gradient = torch.autograd.grad([energy], [x])[0]
        assert gradient is not None
        return energy, gradient


class Penalty(nn.Module):
    """A gradient of a gradient."""

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_(True)
        w = w.detach().requires_grad_(True)
        energy = (torch.tanh(x @ w) ** 2).sum()
        gradient = torch.autograd.grad([energy], [x], create_graph=True)[0]
        assert gradient is not None
        penalty = ((torch.linalg.vector_norm(gradient, dim=-1) - 1) ** 2).mean()
        second = torch.autograd.grad([penalty], [w])[0]
        assert second is not None
        return penalty, second


class Unrecorded(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_(True)
        with torch.no_grad():
            constant = (x * x).sum()
        energy = (x.exp() * constant).sum()
        gradient = torch.autograd.grad([energy], [x])[0]
        assert gradient is not None
        return energy, gradient


class Backward(nn.Module):
    """``backward`` twice: gradients add up."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, bool, bool]:
        asked = x.requires_grad
        x = x.detach().clone().requires_grad_(True)
        energy = (x.exp() * x).sum()
        energy.backward()
        (x * x).sum().backward()
        gradient = x.grad
        assert gradient is not None
        return energy, gradient, asked, energy.requires_grad


class InPlace(nn.Module):
    """Rows and slices are written, and what is written is differentiated."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_(True)
        y = torch.zeros([4, x.shape[0]], dtype=x.dtype)
        for i in range(4):
            y[i] = x ** (i + 1)
        y[1:3].mul_(2.0)
        y += 1
        energy = (y * y).sum()
        gradient = torch.autograd.grad([energy], [x])[0]
        assert gradient is not None
        return energy, gradient


class Descent(nn.Module):
    """Steps against the gradient of a network, as many as the call says."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 1))

    def forward(self, x: Tensor, steps: int) -> Tensor:
        for _ in range(steps):
            x = x.detach().requires_grad_(True)
            gradient = torch.autograd.grad([self.network(x).sum()], [x])[0]
            assert gradient is not None
            x = x - 0.1 * gradient
        return x.detach()


class Saliency(nn.Module):
    """What of an image a convolutional network looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 5),
        )  # fmt: skip

    def forward(self, x: Tensor, label: int) -> Tensor:
        x = x.detach().requires_grad_(True)
        score = torch.log_softmax(self.network(x), -1)[:, label].sum()
        gradient = torch.autograd.grad([score], [x])[0]
        assert gradient is not None
        return gradient.abs().amax(1)


class Unused(nn.Module):
    """An input that the output does not depend on."""

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, bool, bool]:
        x = x.detach().requires_grad_(True)
        y = y.detach().requires_grad_(True)
        found = torch.autograd.grad([(x * x).sum()], [x, y], allow_unused=True)
        first, second = found[0], found[1]
        assert first is not None
        return first, second is None, first.requires_grad


Make = Callable[[], nn.Module]


def _edges(count: int) -> Tensor:
    source = torch.arange(count).repeat_interleave(4)
    return torch.stack([source, (source + torch.arange(1, 5).repeat(count)) % count])


def calls() -> dict[str, tuple[Make, list[tuple[Any, ...]]]]:
    """The programs by name: what makes each, and arguments for some calls of it."""
    generator = torch.Generator().manual_seed(0)

    def places(count: int) -> Tensor:
        return torch.randn(count, 3, generator=generator) * 1.5

    def kinds(count: int, of: int = 20) -> Tensor:
        return torch.randint(0, of, (count,), generator=generator)

    def row(count: int) -> Tensor:
        return torch.rand(count, generator=generator)

    sizes = (8, 12, 9)
    return {
        "forces": (Forces, [(places(n), kinds(n), _edges(n)) for n in sizes]),
        "forces_by_name": (
            ForcesByName,
            [({"positions": places(n), "species": kinds(n), "edges": _edges(n)},) for n in sizes],
        ),
        "stress": (
            Stress,
            [(places(n), torch.eye(3) * 8, kinds(n), _edges(n), torch.zeros(4 * n, 3)) for n in (7, 9)],
        ),
        "ensemble": (Ensemble, [(places(n), kinds(n, 3)) for n in (5, 8)]),
        "chosen": (Chosen, [(places(n), kinds(n, 3)) for n in (5, 8)]),
        "branching": (Branching, [(torch.ones(5),), (-torch.ones(5),), (row(7),)]),
        "penalty": (
            Penalty,
            [(torch.randn(4, 5, generator=generator), torch.randn(5, 6, generator=generator))],
        ),
        "unrecorded": (Unrecorded, [(row(6),)]),
        "backward": (Backward, [(row(6),)]),
        "in_place": (InPlace, [(row(6),)]),
        "descent": (Descent, [(row(48).view(8, 6), 3), (row(48).view(8, 6), 5)]),
        "saliency": (Saliency, [(row(2 * 3 * 256).view(2, 3, 16, 16), 1)]),
        "unused": (Unused, [(row(4), row(3))]),
    }
