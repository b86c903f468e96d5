# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""One specialization serves calls of all sizes, and each of its guards is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tests.jit.symbolic_programs import PROGRAMS, SHAPES, Program

pytestmark = pytest.mark.usefixtures("strategy")


def parts(value: Any) -> list[Any]:
    """What a result holds, in order."""
    if isinstance(value, (tuple, list)):
        return [p for v in value for p in parts(v)]
    return [p for v in value.values() for p in parts(v)] if isinstance(value, dict) else [value]


def require_same(got: Any, want: Any) -> None:
    """Values, shapes, dtypes, numbers; strides but for dims of size 1, where nothing depends on them."""
    for mine, theirs in zip(parts(got), parts(want), strict=True):
        if not isinstance(theirs, Tensor):
            assert mine == theirs
            continue
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        steps = [[s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1] for t in (mine, theirs)]
        assert steps[0] == steps[1]
        torch.testing.assert_close(mine, theirs, equal_nan=True)


def made(function: Any) -> Any:
    """The specialization for symbolic sizes that a function has."""
    found = [s for s in function.compiled.table.values() if s is not None and s.symbolic is not None]
    assert len(found) == 1
    return found[0]


def guards(specialization: Any) -> list[str]:
    """Its guards."""
    return [str(guard) for guard in specialization.symbolic.sizes.environment.guards.values()]


@pytest.mark.parametrize("name", PROGRAMS)
def test_one_specialization_serves_all_sizes(name: str) -> None:
    torch.manual_seed(0)
    case: Program = PROGRAMS[name]
    scripted = tsc.script(case.function)
    for sizes in SHAPES:
        arguments = [make(*sizes) for make in case.arguments]
        want = case.function(*[copied(a) for a in arguments])
        require_same(scripted(*arguments), want)
    assert len(scripted.compiled.table) == 2
    assert guards(made(scripted)) == list(case.guards)


def copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def test_other_ranks_dtypes_and_constants_are_other_kinds() -> None:
    tsc.set_fusion_strategy([("STATIC", 4), ("DYNAMIC", 1)])

    @tsc.script
    def f(x: Tensor, n: int):
        return x * n

    for x, n in [
        (torch.ones(2, 3), 2),
        (torch.ones(2, 3), 3),
        (torch.ones(2), 2),
        (torch.ones(2, 3).double(), 2),
        (torch.ones(4, 5), 2),
        (torch.ones(7, 5), 2),
    ]:
        require_same(f(x, n), x * n)
    assert made(f).symbolic.key == ("s0xs1xf32", "int:2")


def test_sizes_that_are_equal_are_one_symbol() -> None:
    @tsc.script
    def f(x: Tensor, y: Tensor):
        return x + y

    for n in (3, 5, 8):
        f(torch.ones(n, 2), torch.ones(n, 2))
    assert str(made(f).symbolic.sizes.values["s2"]) == "s0"
    assert not guards(made(f))
    with pytest.raises(RuntimeError, match="must match the size"):
        f(torch.ones(3, 2), torch.ones(4, 2))
    require_same(f(torch.ones(1, 2), torch.ones(4, 2)), 2 * torch.ones(4, 2))


def test_a_size_that_follows_from_another_is_no_symbol() -> None:
    @tsc.script
    def f(x: Tensor, y: Tensor):
        return torch.cat([x, x]) + y

    for n in (3, 5, 8):
        f(torch.ones(n), torch.ones(2 * n))
    assert str(made(f).symbolic.sizes.values["s1"]) == "2*s0"


@pytest.mark.parametrize("is_array", [False, True], ids=["tensors", "arrays"])
def test_sizes_beyond_a_guard_get_code_of_their_own(is_array: bool) -> None:
    tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 3)])

    @tsc.script
    def f(x: Tensor):
        if x.size(0) > 4:
            return x * 2
        return x - 1

    def run(n: int) -> np.ndarray[Any, Any]:
        given = np.ones((n, 2), np.float32)
        return f(given) if is_array else f(torch.from_numpy(given)).numpy()

    for n in (5, 6, 9, 3, 2, 7, 4, 5):
        assert np.array_equal(run(n), np.full((n, 2), 2.0 if n > 4 else 0.0))
    kinds = [s.symbolic is not None for s in f.compiled.table.values()]
    assert kinds == [False, True, True]


def test_empty_tensors_are_no_symbolic_sizes() -> None:
    @tsc.script
    def f(x: Tensor):
        return x.sum(0) + x.size(0)

    for n in (4, 6, 0, 8):
        require_same(f(torch.ones(n, 2)), torch.full((2,), 2.0 * n))
    assert made(f).symbolic.key == ("s0xs1xf32",)


def test_all_sizes_are_symbolic_where_there_is_no_static_entry() -> None:
    tsc.set_fusion_strategy([("DYNAMIC", 1)])

    @tsc.script
    def f(x: Tensor):
        return x.softmax(-1)

    for sizes in ((3, 4), (5, 6)):
        x = torch.randn(*sizes)
        require_same(f(x), x.softmax(-1))
    assert len(f.compiled.table) == 1
    assert made(f).symbolic.key == ("s0xs1xf32",)


def test_static_entries_alone_have_exact_sizes() -> None:
    tsc.set_fusion_strategy([("STATIC", 2)])

    @tsc.script
    def f(x: Tensor):
        return x + 1

    for n in (3, 4, 5):
        require_same(f(torch.ones(n)), torch.full((n,), 2.0))
    assert list(f.compiled.table) == [("3xf32",), ("4xf32",)]


def test_what_has_no_form_for_symbolic_sizes_gets_exact_ones() -> None:
    tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 2)])

    @tsc.script
    def f(x: Tensor):
        return torch.linalg.inv(x) * 2

    for n in (2, 3, 4):
        x = torch.eye(n) * 2
        torch.testing.assert_close(f(x), x.inverse() * 2)
    assert all(s is None or s.symbolic is None for s in f.compiled.table.values())


class Encoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(6, 16), torch.nn.GELU(), torch.nn.LayerNorm(16), torch.nn.Linear(16, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).softmax(-1)


@pytest.mark.parametrize("is_frozen", [True, False], ids=["frozen", "live"])
def test_modules(is_frozen: bool) -> None:
    net = Encoder().eval()
    module = tsc.script(net)
    if is_frozen:
        module = tsc.optimize_for_inference(module)
    with torch.no_grad():
        for sizes in ((2, 3), (2, 3), (4, 5), (4, 5), (7, 1), (7, 1), (1, 1), (30, 40)):
            x = torch.randn(*sizes, 6)
            require_same(module(x), net(x))
    symbolic = made(module.forward)
    assert symbolic.is_native
    assert not guards(symbolic)


def test_results_lie_as_pytorchs_for_arguments_that_are_not_row_major() -> None:
    def f(x: Tensor):
        return x.exp(), x.sum(0)

    scripted = tsc.script(f)
    for sizes in ((4, 5), (6, 9), (3, 7), (8, 2)):
        for _ in range(2):
            x = torch.randn(*sizes[::-1]).t()
            require_same(scripted(x), f(x))
    assert len(scripted.compiled.table) == 2


def test_calls_of_many_threads_and_sizes_do_not_disturb_each_other() -> None:
    def f(x: Tensor):
        return (x @ x.t()).softmax(-1) @ x

    scripted = tsc.script(f)
    scripted(torch.randn(3, 4))
    scripted(torch.randn(5, 6))
    failures: list[str] = []

    def work(seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(60):
            n, k = (int(torch.randint(1, 60, (), generator=generator)) for _ in range(2))
            x = torch.randn(n, k, generator=generator)
            if not torch.allclose(scripted(x), f(x), atol=1e-5):
                failures.append(f"{n} x {k}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(scripted.compiled.table) == 2


def test_a_thousand_shapes_leave_no_memory_behind() -> None:
    @tsc.script
    def f(x: Tensor):
        return x.relu().sum(-1) + x.size(0)

    import resource

    for n in range(1, 60):
        f(np.ones((n, n + 1), np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for n in range(1, 1001):
        f(np.ones((n % 90 + 1, n % 70 + 1), np.float32))
    assert len(f.compiled.table) == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5 << 10


def test_divisors_that_are_zero_in_a_call_that_does_not_suit() -> None:
    tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 2)])

    @tsc.script
    def f(x: Tensor):
        half = x.size(0) // 2
        return x.view(half, x.size(0) // half) * 2

    for n in (6, 8, 4, 1, 10, 1):
        x = torch.ones(n)
        if n == 1:
            with pytest.raises(RuntimeError, match="division"):
                f(x)
        else:
            require_same(f(x), x.view(n // 2, 2) * 2)
    assert made(f).symbolic.guards


def test_a_dim_of_one_element_makes_a_view_of_what_is_a_copy_otherwise() -> None:
    def flat(x: Tensor) -> list[Tensor]:
        parts = torch.frac(x.unfold(0, 2, 1))
        return [parts.reshape(-1), parts]

    scripted: Any = tsc.script(flat)
    for shape in ((3, 3), (4, 3), (5, 2), (8, 1), (4, 3)):
        x = torch.arange(24.0)[: shape[0] * shape[1]].reshape(shape) / 7
        for _ in range(2):
            got, want = scripted(x), flat(x)
            require_same(got, want)
            shares = [
                a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr() for a, b in (got, want)
            ]
            assert shares[0] == shares[1]


def test_medians_of_all_elements_pin_their_number() -> None:
    def median(x: Tensor) -> tuple[Tensor, Tensor]:
        return x.median(), (x + 0.5).nanmedian()

    scripted: Any = tsc.script(median)
    for shape in ((2, 3), (4, 3), (4, 5), (0, 2)):
        for dtype in (torch.int64, torch.float32):
            x = torch.arange(shape[0] * shape[1]).reshape(shape).to(dtype)
            require_same(scripted(x), median(x))


@pytest.mark.filterwarnings("error")
def test_lines_whose_length_is_an_expression_are_put_in_order() -> None:
    def sorted_pairs(x: Tensor) -> Tensor:
        return x.unfold(-1, 2, 2).sort(-2)[0]

    before = tsc.set_fusion_strategy([("DYNAMIC", 8)])
    try:
        scripted: Any = tsc.script(sorted_pairs)
        for count in (5, 9, 11):
            x = torch.randn(8, count)
            require_same(scripted(x), sorted_pairs(x))
    finally:
        tsc.set_fusion_strategy(before)


def first_half(x: Tensor, y: Tensor) -> Tensor:
    return y.chunk(2, -1)[0]


def first_half_of_what_is_computed(x: Tensor, y: Tensor) -> Tensor:
    return (y * 2).chunk(2, -1)[0] + x.sum()


@pytest.mark.parametrize("program", [first_half, first_half_of_what_is_computed])
def test_code_for_other_sizes_that_equations_fix_is_other_code(program: Callable[..., Tensor]) -> None:
    """How many elements a half has, rounded up, is known of numbers alone: each has code of its own."""
    tsc.set_fusion_strategy([("DYNAMIC", 8)])
    function = tsc.script(program)
    for rows, count in ((3, 7), (3, 7), (5, 3), (8, 3), (5, 4), (2, 4)):
        x, y = torch.ones(rows, count), torch.arange(float(rows))
        for _ in range(2):
            assert torch.equal(function(x, y), program(x, y))


def test_a_size_that_was_asked_for_as_a_number_is_not_one() -> None:
    def spread(x: Tensor, like: Tensor) -> Tensor:
        return x[-1, 1::2].broadcast_to(like.shape)

    scripted = tsc.script(spread)
    for size in (2, 4, 2, 5):
        x = torch.randn(size, size)
        require_same(scripted(x, torch.zeros(2)), spread(x, torch.zeros(2)))


def copies_onto_itself(x: Tensor) -> Tensor:
    x[2] = x[2]
    return x.tanh_()


def copies_a_piece_of_a_copy(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 1] = y[:, 1]
    return y * 2


@pytest.mark.parametrize("program", [copies_onto_itself, copies_a_piece_of_a_copy])
def test_a_piece_that_is_copied_onto_itself_must_be_there(program: Callable[..., Any]) -> None:
    """Nothing is written, and yet it is looked for."""
    script = tsc.script(program)
    for rows, columns in ((3, 2), (4, 2), (5, 3), (2, 2), (3, 1), (1, 3), (6, 4)):
        x = torch.rand(rows, columns)
        try:
            expected = program(x.clone())
        except IndexError:
            with pytest.raises(IndexError):
                script(x.clone())
        else:
            torch.testing.assert_close(script(x.clone()), expected)
