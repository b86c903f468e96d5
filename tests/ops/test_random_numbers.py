"""After the same seed, what draws random numbers gives PyTorch's, bit for bit, and leaves the generator where
PyTorch leaves its own.
"""

# pyright: reportUnknownMemberType=false, reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from tsc import dtypes
from tsc.dialects import schema as schemas
from tsc.narrowing import is_sequence
from tsc.ops.draws import normal, permutation
from tsc.ops.fused_arithmetic import fused
from tsc.ops.random_source import RandomSource, default_source
from tsc.ops.registry import require

from .matching import call_torch, ours, to_numpy

pytestmark = pytest.mark.filterwarnings("ignore")
FLOATING = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
COMPLEX = (torch.complex64, torch.complex128)
INTEGRAL = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
ALL = (*FLOATING, *COMPLEX, *INTEGRAL)
SIZES: tuple[list[int], ...] = ([], [0], [1], [15], [16], [17], [100], [10, 100], [3, 5, 7])
REFUSALS = (RuntimeError, NotImplementedError, ValueError, TypeError)


def likes(dtype: torch.dtype) -> Iterator[torch.Tensor]:
    """Tensors of ones of many sizes and strides."""
    for size in SIZES:
        yield torch.ones(size, dtype=dtype)
    yield torch.ones(4, 6, dtype=dtype).t()
    yield torch.ones(40, 6, dtype=dtype)[::2]
    yield torch.ones(4, 6, 5, dtype=dtype).permute(2, 0, 1)
    yield torch.ones(4, 6, 5, dtype=dtype)[:, 1:4, ::2]
    yield torch.ones(2, 3, 4, 5, dtype=dtype).to(memory_format=torch.channels_last)


def twin(value: Any) -> Any:
    """A tensor with memory of its own that lies as the one given; anything else itself."""
    if not isinstance(value, torch.Tensor):
        return value
    base = value if value._base is None else value._base
    copy = base.clone(memory_format=torch.preserve_format)
    return copy.as_strided(value.shape, value.stride(), value.storage_offset())


def bits(value: Any) -> Any:
    """The dtype, shape and bytes of each tensor in a result."""
    if is_sequence(value):
        return [bits(v) for v in value]
    array = to_numpy(value) if isinstance(value, torch.Tensor) else value
    return (array.dtype, array.shape, array.tobytes()) if isinstance(array, np.ndarray) else array


def check(name: str, *call: Any, seed: int = 3) -> None:
    """One call in both libraries; arguments that are missing have their defaults."""
    schema = schemas.lookup(f"aten::{name}")
    assert schema is not None
    values = [*call, *(a.default for a in schema.arguments[len(call) :])]
    values = [None if type(v) is object else v for v in values]
    mine = [to_numpy(twin(v)) if isinstance(v, torch.Tensor) else ours(v) for v in values]
    torch.manual_seed(seed)
    try:
        want = call_torch(schema, [twin(v) for v in values])
    except REFUSALS:
        with pytest.raises(REFUSALS):
            require(schema.full_name).eager(*mine)
        return
    default_source().restart(seed)
    got = require(schema.full_name).eager(*mine)
    shown = [v if not isinstance(v, torch.Tensor) else (v.dtype, v.shape, v.stride()) for v in values]
    assert bits(got) == bits(want), (name, shown)
    assert default_source().state().tobytes() == torch.get_rng_state().numpy().tobytes(), (name, shown)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_numbers_by_size(dtype: torch.dtype) -> None:
    for size in SIZES:
        check("rand", size, dtype)
        check("randn", size, dtype)
        check("normal.float_float", 1.5, 2.7, size, None, dtype)


RANGES = (
    (0, 100), (0, 2), (-5, 100), (0, 2**20), (0, 2**27), (0, 2**28), (0, 2**40), (-(2**40), 2**40), (7, 7),
    (0, 256), (0, 257), (-(2**63), 2**63 - 1), (2**24 - 5, 2**24 + 9),
)  # fmt: skip
"""Bounds on both sides of where integers take two words, and where dtypes have no more integers."""


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_integers(dtype: torch.dtype) -> None:
    for size in ([0], [17], [3, 5, 7]):
        for low, high in RANGES:
            check("randint", high, size, dtype)
            check("randint.low", low, high, size, dtype)
            check("random_.from", torch.ones(size, dtype=dtype), low, high)
        for low in (-(2**63), 3, -7):
            check("random_.from", torch.ones(size, dtype=dtype), low, None)
        check("random_.to", torch.ones(size, dtype=dtype), 77)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_permutations(dtype: torch.dtype) -> None:
    for count in (0, 1, 2, 17, 1000, 70_000):
        check("randperm", count, dtype)


def test_long_permutations_take_two_words_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsc.ops.draws.MANY", 10)
    source, words = RandomSource(1), RandomSource(1).wide_words(9)
    wanted = list(range(10))
    for i, word in enumerate(words):
        j = i + int(word) % (10 - i)
        wanted[i], wanted[j] = wanted[j], wanted[i]
    assert permutation(source, 10).tolist() == wanted


LIKENESSES: tuple[tuple[Any, ...], ...] = (
    ("random_",), ("random",), ("random.to", 50), ("rand_like",), ("randn_like",), ("randint_like", 100),
    ("rand_like", torch.float64), ("randint_like.low_dtype", -3, 100),
    ("randint_like.Tensor", torch.tensor(9)), ("uniform_", -1.0, 3.3), ("uniform", -1.0, 3.3),
    ("normal_", 0.3, 2.2), ("normal_functional", 0.3, 2.2), ("exponential_", 1.7), ("exponential", 0.3),
    ("geometric_", 0.3), ("geometric", 0.7), ("cauchy_", 0.3, 1.7), ("cauchy",), ("log_normal_", 0.3, 0.7),
    ("log_normal",), ("_no_grad_uniform_", -0.3, 0.4), ("_no_grad_normal_", 1.0, 0.1),
)  # fmt: skip
"""Operators of a tensor of which only shape, dtype and strides count, with their other arguments."""


@pytest.mark.parametrize("dtype", ALL, ids=str)
@pytest.mark.parametrize(("name", "arguments"), [(n, rest) for n, *rest in LIKENESSES], ids=str)
def test_numbers_in_the_likeness_of_a_tensor(name: str, arguments: list[Any], dtype: torch.dtype) -> None:
    for like in likes(dtype):
        check(name, like, *arguments)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_coins(dtype: torch.dtype) -> None:
    for like in likes(dtype):
        for p in (0.0, 0.3, 0.5, 1.0):
            check("bernoulli_.float", like, p)
            check("bernoulli.p", like, p)
        for kind in FLOATING:
            check("bernoulli_.Tensor", like, torch.tensor(0.4, dtype=kind))
            check("bernoulli.Tensor", like, torch.full(like.shape, 0.37, dtype=kind))
        check("bernoulli", like * 0.4 if dtype in FLOATING else like)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_dropouts(dtype: torch.dtype) -> None:
    names = ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout", "native_dropout")
    for like in likes(dtype):
        for p in (0.0, 0.3, 0.5, 1.0):
            for name in names:
                check(name, like, p, True)
                check(name, like, p, False)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_random_slopes(dtype: torch.dtype) -> None:
    for like in likes(dtype):
        check("rrelu", like, 0.1, 0.3, True)
        if dtype is not torch.bool:
            check("rrelu", -like, 0.1, 0.3, True)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_samples_by_weight(dtype: torch.dtype) -> None:
    weights = torch.rand(5, 300, generator=torch.Generator().manual_seed(0)).to(dtype)
    for rows in (weights, weights[0], weights.t().contiguous().t()):
        for count in (1, 2, 20, 300):
            for replacement in (True, False):
                check("multinomial", rows, count, replacement)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_variates_whose_parameters_are_elements(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    few, many = (torch.rand(size, generator=generator) for size in ((17,), (30, 30)))
    for rate in (few * 5, many * 40, many.t() * 20, torch.tensor(1000.0), torch.tensor([0.0, 9.99, 10, 1e6])):
        check("poisson", rate.to(dtype))
    for alpha in (few * 5, many * 0.5, many * 3, torch.tensor([100.0, 1e-3, 1.0, 0.0])):
        check("_standard_gamma", alpha.to(dtype))
        check("_sample_dirichlet", alpha.to(dtype))
    check("_sample_dirichlet", torch.rand(3, 3000, generator=generator, dtype=torch.float64).to(dtype))
    for count, p in ((5.0, few), (100.0, few), (1000.0, many), (0.0, few), (10.0, torch.tensor([0.0, 1.0]))):
        check("binomial", torch.full(p.shape, count, dtype=dtype), p.to(dtype))


@pytest.mark.parametrize("dtype", [*FLOATING, *COMPLEX], ids=str)
def test_normal_numbers_of_means_and_deviations(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(7, 9, generator=generator).to(dtype)
    check("normal.Tensor_float", mean, 2.2)
    check("normal.Tensor_float", mean[:, :2].t(), 2.2)
    if not dtype.is_complex:
        std = torch.rand(7, 9, generator=generator).to(dtype)
        check("normal.float_Tensor", 1.5, std)
        check("normal.Tensor_Tensor", mean, std)
        check("normal.Tensor_Tensor", mean.t(), std.t())
        check("normal.Tensor_Tensor", mean, std[0])


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_a_million_numbers(dtype: torch.dtype) -> None:
    check("randn", [1_000_003], dtype)
    check("uniform_", torch.empty(1_000_003, dtype=dtype), 2.1, 3.7)
    check("normal_", torch.empty(200_003, dtype=dtype), 2.1, 3.7)


@pytest.mark.parametrize("seed", [0, 1, -1, -(2**63), 2**32, 2**32 + 1, 2**63, 2**64 - 1])
def test_seeds_have_64_bits_of_which_the_lower_half_counts(seed: int) -> None:
    check("rand", [5], torch.float32, seed=seed)


def test_the_second_of_a_pair_is_kept_across_calls() -> None:
    source, theirs = RandomSource(4), torch.Generator().manual_seed(4)
    for count in (1, 1, 3, 16, 2, 5, 17, 1):
        want = torch.empty(count, dtype=torch.float64).normal_(generator=theirs)
        assert np.array_equal(normal(source, count, dtypes.F64, 0.0, 1.0), want.numpy())


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_fused_arithmetic_is_rounded_once(kind: Any) -> None:
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(2000).astype(kind) for _ in range(2))
    c = np.concatenate([-(a * b)[:1000], random.standard_normal(1000).astype(kind)])
    c[:500] += np.spacing(c[:500])
    exact = [
        Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)) for x, y, z in zip(a, b, c, strict=True)
    ]
    got = fused(a, b, c)
    for value, want in zip(got, exact, strict=True):
        miss = abs(Fraction(float(value)) - want)
        for way in (-np.inf, np.inf):
            assert miss <= abs(Fraction(float(np.nextafter(value, kind(way)))) - want)
