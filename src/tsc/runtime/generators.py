"""Random generators as users see them: ``tsc.Generator``, ``tsc.manual_seed`` and theirs; PyTorch's among
arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, SupportsInt

import numpy as np

from tsc.concurrency import DRAWING
from tsc.errors import ArgumentError
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_array
from tsc.ops.random_source import RandomSource, default_source, random_seed, shared_source
from tsc.runtime.tensor import Tensor


class Generator:
    """A stream of random numbers of its own: after ``manual_seed``, those of PyTorch's CPU generators."""

    __tsc_builtin__: str | None = "aten::Generator"

    def __init__(self, device: object = "cpu", *, source: RandomSource | None = None) -> None:
        if not torch_interop.is_cpu(device):
            raise ArgumentError(f"Generator: requires device 'cpu'; got {device!r}")
        self.__tsc_builtin__ = None  # of the class: an instance is no operator
        self.source = RandomSource() if source is None else source

    @property
    def device(self) -> Any:
        """Where it draws."""
        return torch_interop.device_of("cpu")

    def manual_seed(self, seed: SupportsInt) -> Generator:
        """Begin again from `seed`, of 64 bits; a negative one counts from ``2**64`` down."""
        self.source.restart(int(seed))
        return self

    def initial_seed(self) -> int:
        """The seed it began with."""
        return self.source.initial_seed

    def seed(self) -> int:
        """Begin again from a seed that nobody can guess, which is returned."""
        made = random_seed()
        self.source.restart(made)
        return made

    def get_state(self) -> Tensor:
        """Where it is, in the bytes of PyTorch's generators."""
        return Tensor(self.source.state())

    def set_state(self, new_state: object) -> Generator:
        """Go on from what ``get_state`` gave, here or in PyTorch.

        Raises:
            OperatorError: it is nothing of the kind.
        """
        self.source.set_state(_bytes_of(new_state))
        return self

    def clone_state(self) -> Generator:
        """Another one that draws the same from here on."""
        return Generator().set_state(self.get_state())


default_generator = Generator(source=default_source())
"""What draws where nobody names a generator."""


def default_stream() -> dict[str, Any]:
    """The attributes of the default generator, as native code takes and assigns them."""
    return shared_source().attributes


def manual_seed(seed: SupportsInt) -> Generator:
    """Begin the default generator again from `seed`; and PyTorch's, where there is PyTorch: its operators
    draw where gradients are recorded.
    """
    seed_defaults(int(seed))
    return default_generator


def seed_defaults(seed: int) -> None:
    """What ``aten::manual_seed`` does in a program."""
    default_source().restart(seed)
    torch_interop.seed_default_generator(seed)


def seed() -> int:
    """Begin the default generators again from a seed that nobody can guess, which is returned."""
    made = random_seed()
    seed_defaults(made)
    return made


def initial_seed() -> int:
    """The seed the default generator began with."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Where the default generator is."""
    return default_generator.get_state()


def set_rng_state(new_state: object) -> None:
    """Have the default generator go on from a state."""
    default_generator.set_state(new_state)


manual_seed.__dict__["__tsc_builtin__"] = "aten::manual_seed"


def _bytes_of(state: Any) -> np.ndarray[Any, Any]:
    if isinstance(state, Tensor):
        return state.array
    if torch_interop.is_tensor(state):
        return torch_interop.to_numpy(state)
    if is_array(state):
        return state
    raise ArgumentError(f"expected a tensor of bytes, but got {type(state).__name__}")


# --- PyTorch's ---


class LentSource(RandomSource):
    """One of PyTorch's generators as a source: each draw begins where that is, and moves it."""

    def __init__(self, lender: Any) -> None:
        super().__init__()
        self.lender = lender
        self.begin()

    def restart(self, seed: int) -> None:
        """Begin again."""
        super().restart(seed)
        if hasattr(self, "lender"):
            self.lender.manual_seed(seed)

    def begin(self) -> None:
        """Go to where PyTorch's is."""
        self.set_state(torch_interop.to_numpy(self.lender.get_state()))

    def end(self) -> None:
        """Take PyTorch's along."""
        self.lender.set_state(torch_interop.from_numpy(self.state()))


def source_of(value: object) -> RandomSource | None:
    """The source of a generator, ours or PyTorch's; None for anything else.

    Raises:
        ArgumentError: it is one of another device.
    """
    if isinstance(value, RandomSource):
        return value
    if isinstance(value, Generator):
        return value.source
    if not torch_interop.is_generator(value):
        return None
    device = getattr(value, "device", "cpu")
    if not torch_interop.is_cpu(device):
        raise ArgumentError(f"Expected a 'cpu' device type for generator but found '{device}'")
    return LentSource(value)


def generator_of(source: RandomSource, *, is_torch: bool) -> Any:
    """The generator that a source is given back as: PyTorch's if that was lent, or where `is_torch`."""
    if isinstance(source, LentSource):
        return source.lender
    return _torch_generator(source) if is_torch else Generator(source=source)


def _torch_generator(source: RandomSource) -> Any:
    made = torch_interop.new_generator()
    made.set_state(torch_interop.from_numpy(source.state()))
    return made


def with_torch_generators(operator: Callable[..., Any], positions: Sequence[int]) -> Callable[..., Any]:
    """One of PyTorch's operators, called with our sources at `positions`."""

    def run(*arguments: Any) -> Any:
        given = list(arguments)
        sources = {p: arguments[p] for p in positions if isinstance(arguments[p], RandomSource)}
        with DRAWING:
            for position, source in sources.items():
                given[position] = generator_of(source, is_torch=True)
            try:
                return operator(*given)
            finally:
                for position, source in sources.items():
                    source.set_state(torch_interop.to_numpy(given[position].get_state()))

    return run
