"""`plan-memory`: buffers in use at one time never overlap, others share the arena."""

import random as numbers
from typing import Any

import numpy as np
import pytest

from tests.passes.kernel_runner import assert_computes, build, random
from tests.passes.linalg_text import Host, Kernel, Value, module
from tsc.analysis.liveness import Interval
from tsc.dims import Dim, SizeEnvironment
from tsc.passes.plan_memory import ALIGNMENT, Slot, assign_offsets


def chain(length: int, shape: tuple[int, ...], is_in_place: bool) -> tuple[str, Host]:
    """Kernels one after the other; each reads the result before it (permuted, unless it may be in place)."""
    host, kernel = Host(), Kernel("k")
    x = kernel.argument(shape)
    place = "d0, d1" if is_in_place else "d1, d0"
    output = kernel.map("%r = arith.addf %x0, %x0 : f32", x, shape=shape, maps=[place])
    (value,) = host.call(kernel, [output], host.argument(shape))
    for _ in range(length - 1):
        (value,) = host.call_again(kernel, [output], value)
    return host.text(value), host


def test_a_chain_needs_two_buffers() -> None:
    text, _ = chain(7, (16, 16), is_in_place=False)
    assert build(text).inputs[0].get_shape() == (16, 16)
    assert build(text).arena.size - 64 == 2 * 16 * 16 * 4


def test_pointwise_kernels_work_in_place() -> None:
    text, _ = chain(7, (16, 16), is_in_place=True)
    assert build(text).arena.size - 64 == 16 * 16 * 4


@pytest.mark.parametrize("is_in_place", [False, True])
def test_a_chain_computes(is_in_place: bool) -> None:
    text, _ = chain(4, (24, 24), is_in_place)
    a = random(24, 24)
    assert_computes(text, [a], 16 * a, tolerance=0)


def test_a_value_read_later_is_not_overwritten() -> None:
    host, double, add = Host(), Kernel("double"), Kernel("add")
    x = double.argument((40,))
    y, z = add.argument((40,)), add.argument((40,))
    start = host.argument((40,))
    (first,) = host.call(double, [double.add(x, x)], start)
    (second,) = host.call_again(double, [Value("", (40,))], first)
    (last,) = host.call(add, [add.add(y, z)], first, second)
    a = random(40)
    assert_computes(host.text(last), [a], 6 * a, tolerance=0)


def test_an_argument_may_be_returned_and_twice() -> None:
    host, kernel = Host(), Kernel("k")
    x = kernel.argument((5,))
    start = host.argument((5,))
    (value,) = host.call(kernel, [kernel.add(x, x)], start)
    a = random(5)
    assert_computes(host.text(value, start, value), [a], [2 * a, a, 2 * a], tolerance=0)


def test_a_result_is_written_where_it_is_wanted() -> None:
    kernel = Kernel("k")
    x = kernel.argument((64,))
    assert build(module(kernel, [kernel.relu(x)])).arena.size - 64 == 0


@pytest.mark.parametrize("seed", range(20))
def test_slots_in_use_at_one_time_do_not_overlap(seed: int) -> None:
    chance = numbers.Random(seed)
    slots: list[Slot] = []
    for _ in range(60):
        start = chance.randrange(100)
        slots.append(Slot(ALIGNMENT * chance.randrange(1, 40), Interval(start, start + chance.randrange(20))))
    total = assign_offsets(slots)
    for n, a in enumerate(slots):
        assert a.offset % ALIGNMENT == 0
        assert a.offset + a.size <= total
        for b in slots[:n]:
            apart = a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
            assert apart or not a.interval.overlaps(b.interval)
    in_use = max(sum(s.size for s in slots if s.interval.start <= t <= s.interval.end) for t in range(120))
    assert total <= 2 * in_use


CONTROL = """
func.func private @double(%x: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %r = linalg.generic {
    indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]
  } ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  func.return %r : tensor<8xf32>
}
"""


def test_a_loop_carries_tensors() -> None:
    text = (
        CONTROL
        + """
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%v = %x) -> (tensor<8xf32>) {
    %w = func.call @double(%v) : (tensor<8xf32>) -> tensor<8xf32>
    scf.yield %w : tensor<8xf32>
  }
  func.return %r : tensor<8xf32>
}"""
    )
    a = random(8)
    assert_computes(text, [a], 32 * a, tolerance=0)


@pytest.mark.parametrize("condition", [False, True])
def test_a_branch_chooses_a_tensor(condition: bool) -> None:
    text = (
        CONTROL
        + """
func.func @main(%x: tensor<8xf32>, %c: tensor<i1>) -> tensor<8xf32> {
  %b = tensor.extract %c[] : tensor<i1>
  %r = scf.if %b -> (tensor<8xf32>) {
    %w = func.call @double(%x) : (tensor<8xf32>) -> tensor<8xf32>
    scf.yield %w : tensor<8xf32>
  } else {
    scf.yield %x : tensor<8xf32>
  }
  func.return %r : tensor<8xf32>
}"""
    )
    a = random(8)
    assert_computes(text, [a, np.asarray(condition)], 2 * a if condition else a, tolerance=0)


@pytest.mark.parametrize("seed", range(40))
def test_slots_of_symbolic_sizes_never_overlap_whatever_the_sizes_are(seed: int) -> None:
    source = numbers.Random(seed)
    environment = SizeEnvironment()
    symbols = [environment.symbol(source.randint(1, 50)) for _ in range(2)]
    slots: list[Slot] = []
    for _ in range(source.randint(1, 14)):
        start = source.randint(0, 20)
        size: Any = source.choice([1, *symbols, symbols[0] * symbols[1]]) * source.randint(1, 4) * ALIGNMENT
        slots.append(Slot(size, Interval(start, start + source.randint(0, 6))))
    total: Any = assign_offsets(slots)
    for _ in range(20):
        values = {atom: source.randint(1, 300) for atom in environment.symbols}
        sizes = [_value(s.size, values) for s in slots]
        offsets = [_value(s.offset, values) for s in slots]
        assert all(o >= 0 and o + n <= _value(total, values) for o, n in zip(offsets, sizes, strict=True))
        for i, a in enumerate(slots):
            for j, b in enumerate(slots[:i]):
                if a.interval.overlaps(b.interval):
                    assert offsets[i] + sizes[i] <= offsets[j] or offsets[j] + sizes[j] <= offsets[i]
    assert not environment.guards


def test_a_symbolic_slot_is_shared_where_it_certainly_is_large_enough() -> None:
    environment = SizeEnvironment()
    s, t = environment.symbol(8), environment.symbol(9)
    wide, narrow, other = (
        Slot(size, Interval(2 * i, 2 * i + 1)) for i, size in enumerate((256 * s, 64 * s, 64 * t))
    )
    total: Any = assign_offsets([wide, narrow, other])
    assert total.same(256 * s + 64 * t)


def _value(size: Any, values: Any) -> int:
    return size.value(values) if isinstance(size, Dim) else size
