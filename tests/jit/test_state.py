# pyright: reportUnknownMemberType=false, reportUninitializedInstanceVariable=false
"""State that calls change: what frozen modules and written arguments hold after each call is what PyTorch's
do, in values, strides and memory, also after a call that raises.
"""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit import stateful_containers as containers
from tests.jit import stateful_counting as counting
from tests.jit import stateful_tensors as kept
from tests.jit.side_by_side import again, assert_same, outcome, sharing, tensors
from tsc.options import options

STATE = ("h", "g", "n", "t", "odd", "s", "r", "mode", "first.h", "first.n", "rest.0.h", "rest.2.n")
"""The names of the attributes that calls change."""
NATIVE: list[type[nn.Module]] = [
    kept.BeginsAsNone, counting.Mode, containers.PairOfTensors, containers.MaybePair,
    containers.LongShortTerm, containers.Fibonacci, containers.InDict,
    kept.Keeps, kept.KeepsView, kept.KeepsCopies, kept.WritesAndKeeps, kept.Swaps,
    kept.OneTensorTwice, kept.ViewsOfOne, kept.GivesViews, kept.Averages, kept.Rolls, kept.Grows,
    kept.Promotes,
]  # fmt: skip
"""What is compiled to native code throughout."""
OTHERS: list[type[nn.Module]] = [
    containers.ListOfTensors,
    kept.IsNoneAtTimes, counting.Counters, counting.MaybeCounter, counting.Trips, containers.Appends,
    containers.WritesElements, kept.Tied, counting.TiedInTime, kept.WritesViews,
    kept.ColumnMajor, counting.Ring, kept.Shifts, counting.Cache, counting.InLoop, counting.WhileSmall,
    counting.InBranches, counting.Nested, counting.NoResult, counting.SeveralResults, counting.Prints,
]  # fmt: skip


@pytest.fixture(autouse=True, params=["frozen", "live"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test holds for frozen modules as for others."""
    monkeypatch.setattr(options(), "profiled_runs", 0)
    monkeypatch.setattr(Pair, "is_frozen", request.param == "frozen")
    return request.param


def frozen(module: nn.Module, *preserved: str) -> Any:
    scripted = tsc.script(module.eval())
    return tsc.freeze(scripted, preserved_attrs=list(preserved)) if Pair.is_frozen else scripted


def is_native(callable_: Any) -> bool:
    return callable_.last is not None and callable_.last.is_native


def reaches(module: Any, path: str) -> bool:
    """Whether a module has an attribute of that (dotted) name."""
    try:
        attrgetter(path)(module)
    except AttributeError:
        return False
    return True


class Pair:
    """One module in PyTorch and frozen in tsc, held to each other after every call."""

    is_frozen = True

    def __init__(self, kind: type[nn.Module], *preserved: str) -> None:
        self.eager: Any = kind().eval()
        self.frozen = frozen(kind(), *preserved)
        self.names = [n for n in STATE if reaches(self.eager, n) and reaches(self.frozen, n)]
        self.before: list[Any] = [(), ()]

    def both(self, change: Callable[[Any], Any]) -> None:
        """Do something to both, with the same result and the same state afterwards."""
        self.check([change(self.eager), change(self.frozen)])

    def call(self, *arguments: Any, method: str = "__call__", changes: bool = False) -> Any:
        """Call both; with `changes`, the caller then writes to what it got and to what it gave."""
        given = [again(arguments), again(arguments)]
        sides = zip((self.eager, self.frozen), given, strict=True)
        results = [outcome(getattr(module, method), own) for module, own in sides]
        self.check(results, given)
        if changes:
            for result, own in zip(results, given, strict=True):
                for t in [*list(tensors(result))[:1], *tensors(own)]:
                    t.detach().mul_(3)
            self.check(results, given)
        return results[1]

    def check(self, results: list[Any], given: Any = ((), ())) -> None:
        """The results, arguments and attributes are the same, as is which of them share memory."""
        want, got = (
            [r, g, self.state(m)] for r, g, m in zip(results, given, (self.eager, self.frozen), strict=True)
        )
        assert_same(got, want)
        results_and_arguments = [g[:2] for g in (want, got)]
        assert [one for one, _ in sharing(results_and_arguments[1])] == [
            one for one, _ in sharing(results_and_arguments[0])
        ]
        everything = [[*w, b] for w, b in zip((want, got), self.before, strict=True)]
        overlaps = [[overlap for _, overlap in sharing(e)] for e in everything]
        assert overlaps[1] == overlaps[0]
        self.before = [w[:2] for w in (want, got)]

    def state(self, module: Any) -> list[Any]:
        return [attrgetter(name)(module) for name in self.names]


def rows(i: int) -> Tensor:
    """An argument for the call of number `i`; one of them is column-major."""
    x = (torch.arange(6.0).reshape(2, 3) - 2.5) * (i + 1) / 4
    return x.t().contiguous().t() if i == 4 else x


@pytest.mark.parametrize("kind", NATIVE + OTHERS, ids=lambda k: k.__name__)
def test_state_is_pytorchs_after_each_call(kind: type[nn.Module]) -> None:
    pair = Pair(kind)
    for i in range(8):
        pair.call(rows(i), changes=i in (2, 3, 6))
    if kind in NATIVE:
        assert is_native(pair.frozen.forward)


def test_a_buffer_that_is_written_is_no_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generic tier is needed for none of these calls."""
    pair = Pair(counting.BufferOnly)
    pair.call(rows(0))
    monkeypatch.setattr(pair.frozen.forward.compiled, "_generic", None)
    for i in range(1, 4):
        pair.call(rows(i))
    assert is_native(pair.frozen.forward)


@pytest.mark.parametrize("kind", NATIVE + OTHERS, ids=lambda k: k.__name__)
def test_every_pass_keeps_what_a_call_does_to_state(
    kind: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options(), "is_verified", True)
    pair = Pair(kind)
    for i in range(3):
        pair.call(rows(i))


def test_a_recurrent_network_keeps_its_state() -> None:
    torch.manual_seed(0)
    model = kept.Recurrent().requires_grad_(False)
    pair = Pair(lambda: copy.deepcopy(model))  # pyright: ignore[reportArgumentType]
    for batch in (2, 2, 5, 2):
        state = torch.zeros(batch, 3)
        pair.eager.h, pair.frozen.h = state, state.clone()
        for _ in range(3):
            pair.call(torch.randn(batch, 3))
    assert is_native(pair.frozen.forward)
    assert len(pair.frozen.forward.compiled.table) == 2


@pytest.mark.parametrize("kind", [counting.Counters, counting.MaybeCounter, counting.Trips, counting.Ring])
def test_numbers_that_calls_change_are_compiled_once(kind: type[nn.Module]) -> None:
    pair = Pair(kind)
    for i in range(3):
        pair.call(rows(i))
    compiled = dict(pair.frozen.forward.compiled.table)
    for i in range(20):
        pair.call(rows(i % 4))
    assert pair.frozen.forward.compiled.table == compiled


def test_numbers_that_other_methods_change_are_read_at_each_call() -> None:
    pair = Pair(counting.Observer, "reset", "observe", "count")
    for i in range(3):
        pair.call(rows(i))
        pair.call(method="count")
        pair.both(lambda m: setattr(m, "n", m.n + 5))
        pair.call(method="count")


def test_methods_share_state() -> None:
    pair = Pair(counting.Observer, "reset", "observe", "count")
    for i in range(3):
        pair.call(rows(i))
        pair.call(rows(i), method="observe", changes=True)
        pair.call(rows(i))
        pair.call(method="reset")
        pair.call(rows(1), method="observe", changes=True)  # writes to what `reset` assigned
        pair.call(method="reset")


def test_constants_that_were_assigned_are_no_ones_else() -> None:
    pair = Pair(counting.Observer, "reset", "observe", "count")
    for _ in range(3):
        pair.call(method="reset")
        pair.both(lambda m: m.h.add_(1))
        pair.call(rows(1))


def test_users_read_and_set_attributes_between_calls() -> None:
    pair = Pair(counting.Observer, "reset", "observe", "count")
    mine = [torch.full((2, 3), 4.0), torch.full((2, 3), 4.0)]
    for i in range(3):
        pair.call(rows(i))
        pair.eager.h, pair.frozen.h = mine
        pair.call(rows(i), method="observe")
        assert_same(mine[1], mine[0])
        pair.both(lambda m: setattr(m, "h", torch.zeros(1, 3)))
        pair.call(rows(i))
        pair.both(lambda m: setattr(m, "h", torch.zeros(2, 3, dtype=torch.float64)))
        pair.call(rows(i))
        pair.call(method="reset")


def test_state_dicts_hold_the_state_of_now() -> None:
    pair = Pair(counting.Observer, "reset", "observe", "count")
    pair.call(rows(0))
    saved = again(dict(pair.eager.state_dict()))
    for i in range(3):
        pair.call(rows(i))
        pair.both(lambda m: dict(m.state_dict()))
        pair.both(lambda m: m.load_state_dict(saved) and None)
        pair.call(rows(i))
        pair.call(rows(i), method="observe")
        pair.both(lambda m: dict(m.state_dict()))


def unpickled(module: Any) -> Any:
    return pickle.loads(pickle.dumps(module))


@pytest.mark.parametrize("copied", [again, unpickled])
def test_copies_have_state_of_their_own(copied: Callable[[Any], Any]) -> None:
    first = Pair(counting.Observer, "reset", "observe", "count")
    first.call(rows(0))
    second = Pair(counting.Observer, "reset", "observe", "count")
    second.eager, second.frozen = copied(first.eager), copied(first.frozen)
    for i in range(3):
        for pair in (second, first, second):
            pair.call(rows(i))
            pair.call(rows(i), method="observe")
        second.call(method="reset")


def test_buffers_that_are_written_stay_the_same_memory() -> None:
    module = frozen(kept.Averages())
    held = module.h
    for i in range(3):
        module(rows(i))
    assert held.data_ptr() == module.h.data_ptr()
    assert held.abs().sum() > 0
    assert is_native(module.forward)


@pytest.mark.parametrize("kind", [kept.Keeps, kept.WritesAndKeeps, kept.Averages])
def test_state_may_be_given_as_an_argument(kind: type[nn.Module]) -> None:
    pair, mine = Pair(kind), [torch.ones(2, 3), torch.ones(2, 3)]
    for _ in range(3):
        pair.check([module(x) for module, x in zip((pair.eager, pair.frozen), mine, strict=True)])
        pair.both(lambda m: m(m.h) if m.h.dim() == 2 else None)


def test_modules_in_a_row_share_what_they_hand_on() -> None:
    ends: list[list[Any]] = []
    makers: list[Callable[[nn.Module], Any]] = [nn.Module.eval, frozen]
    for made in makers:
        first, second, x = made(kept.Keeps()), made(counting.Counters()), torch.ones(2, 3)
        for _ in range(4):
            x = second(first(x))
            x.add_(1)
        ends.append([x, first.h, second.n, second.t, second.odd])
    assert_same(ends[1], ends[0])


def test_every_kind_of_tensor_is_state() -> None:
    make: list[Callable[[Tensor], Any]] = [lambda t: t.numpy(), lambda t: tsc.tensor(t.tolist()), torch.clone]
    eager, module = kept.Keeps(), frozen(kept.Keeps())
    for i in range(9):
        given = make[i % 3](rows(i))
        got, want = module(given), eager(rows(i))
        assert type(got) is type(given)
        assert np.array_equal(np.asarray(got.array if isinstance(got, tsc.Tensor) else got), want.numpy())
        assert torch.equal(module.h, rows(i))


def test_more_shapes_than_specializations_keep_the_state() -> None:
    pair = Pair(kept.Grows)
    for i in range(16):
        pair.call(rows(i))


def test_threads_leave_a_state_that_some_order_gives() -> None:
    module, failures = frozen(counting.Observer(), "observe"), list[Exception]()

    def work() -> None:
        try:
            for _ in range(100):
                module(torch.ones(2, 3))
                module.observe(torch.ones(2, 3))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert 0 < module.n <= 800
    assert module.h.shape == (2, 3)
    assert 0 < module.h[0, 0] <= 1600


def test_calls_with_gradients_carry_the_same_values() -> None:
    eager, module = counting.Counters(), frozen(counting.Counters())
    for i in range(6):
        x = rows(i).requires_grad_(i in (1, 4))
        torch.testing.assert_close(module(x), eager(x))
        assert module.n == eager.n


@pytest.mark.xfail(strict=True, reason="optimize_for_inference calls the module on the examples")
def test_compiling_for_examples_leaves_the_state() -> None:
    module = tsc.freeze(tsc.script(counting.Inner().eval()))
    tsc.optimize_for_inference(module, example_inputs=(rows(1),))
    assert module.n == 0


# --- calls that raise ---


@pytest.mark.parametrize("verified", [False, True], ids=["", "verified"])
def test_a_call_that_raises_leaves_what_it_had_done(verified: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "is_verified", verified)
    pair = Pair(counting.Raises)
    for last in (0.0, 9.0, 0.0, 9.0):
        result = pair.call(torch.ones(2, 3), torch.full((1,), last))
        assert (result == "raised" if last else True) is True


def test_an_index_out_of_range_leaves_what_was_done_before_it() -> None:
    torch.manual_seed(0)
    model = counting.Embeds()
    pair = Pair(lambda: copy.deepcopy(model))  # pyright: ignore[reportArgumentType]
    for indices in ([1, 0], [7, 0], [4, 4], [0, -1], [2, 3]):
        pair.call(torch.tensor(indices))
    assert pair.frozen.n == 5


@pytest.mark.parametrize(
    "kind", [counting.RaisesAfterLoop, counting.RaisesAfterBranch, counting.WritesInBranch]
)
def test_writes_in_branches_and_loops_are_done_once(kind: type[nn.Module]) -> None:
    pair = Pair(kind)
    for last in (1.0, 9.0):
        pair.call(torch.ones(2, 3), torch.full((1,), last))


# --- attributes that are, or hold, one thing ---


def test_a_script_module_that_is_held_twice_is_one() -> None:
    eager = kept.Twice(kept.Cell())
    module: Any = tsc.freeze(tsc.script(kept.Twice(tsc.script(kept.Cell())).eval()))
    for i in range(3):
        assert_same(module(rows(i)), eager(rows(i)))


@pytest.mark.parametrize("kind", [containers.OneListTwice, containers.ListHandedOn])
def test_one_list_in_two_attributes_is_one(kind: type[nn.Module]) -> None:
    pair = Pair(kind, "push")
    pair.call(rows(0))
    pair.call(rows(0), method="push")


def test_a_list_in_a_named_tuple_can_be_changed() -> None:
    pair = Pair(containers.ListInNamedTuple, "reset")
    for i in range(3):
        pair.call(rows(i))


def test_a_list_in_a_tuple_that_is_never_assigned_can_be_changed() -> None:
    pair = Pair(containers.ListInTuple)
    for i in range(3):
        pair.call(rows(i))


def test_a_view_of_a_buffer_that_is_written_is_state() -> None:
    pair = Pair(kept.ViewOfBuffer)
    for i in range(3):
        pair.call(rows(i))
