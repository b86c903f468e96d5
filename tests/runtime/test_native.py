"""The native entry: exact checks, exact reference counts, arenas, several callers at once."""

import ctypes
import gc
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject, compile_llvm
from tsc.runtime.native import ANY, ArraySpec, SizesFunction, arenas_of, native_function
from tsc.runtime.threads import get_num_threads, set_num_threads, thread_pool

# Two inputs of 4 floats; results: their sum (through the arena) and the first input negated.
TEXT = """
define void @main(ptr %in, ptr %out, ptr %arena) {
  %a = load ptr, ptr %in
  %b_p = getelementptr ptr, ptr %in, i64 1
  %b = load ptr, ptr %b_p
  %sum_p = load ptr, ptr %out
  %neg_pp = getelementptr ptr, ptr %out, i64 1
  %neg_p = load ptr, ptr %neg_pp
  %x = load <4 x float>, ptr %a, align 4
  %y = load <4 x float>, ptr %b, align 4
  %z = fadd <4 x float> %x, %y
  store <4 x float> %z, ptr %arena, align 64
  %again = load volatile <4 x float>, ptr %arena, align 64
  store <4 x float> %again, ptr %sum_p, align 4
  %n = fneg <4 x float> %x
  store <4 x float> %n, ptr %neg_p, align 4
  ret void
}
define void @negate(ptr %in, ptr %out, ptr %arena) {
  %a = load ptr, ptr %in
  %o = load ptr, ptr %out
  %x = load <4 x float>, ptr %a, align 4
  %n = fneg <4 x float> %x
  store <4 x float> %n, ptr %o, align 4
  ret void
}
"""
METHOD_OFFSET = 2 * ctypes.sizeof(ctypes.c_void_p)
"""Of a builtin: where it holds its definition. Source: ``PyCFunctionObject`` of CPython's methodobject.h."""
SPEC = ArraySpec(np.dtype(np.float32), (4,))
SLOW = object()


@cache
def compiled() -> CompiledObject:
    return compile_llvm(TEXT, host_target())


def slow(*args: Any) -> Any:
    return (SLOW, args)


def two_results(release_gil: bool = False, fallback: Callable[..., Any] = slow) -> Callable[..., Any]:
    return native_function(
        compiled(), "main", [SPEC, SPEC], [SPEC, SPEC], 64, fallback, release_gil=release_gil
    )


def negate(fallback: Callable[..., Any] = slow) -> Callable[..., Any]:
    return native_function(compiled(), "negate", [SPEC], [SPEC], 0, fallback)


@pytest.mark.parametrize("release_gil", [False, True])
def test_results_are_new_arrays(release_gil: bool) -> None:
    a, b = np.arange(4, dtype=np.float32), np.ones(4, np.float32)
    total, negative = two_results(release_gil)(a, b)
    np.testing.assert_array_equal(total, a + b)
    np.testing.assert_array_equal(negative, -a)
    assert total.flags.owndata
    assert total.flags.writeable
    np.testing.assert_array_equal(negate()(a), -a)


# Of arguments [n, m] and [m]: suits if m < 8; the arena takes 32 n bytes; results are [n, m] and [2 m].
SIZES = """
define void @sizes(ptr %in, ptr %out, ptr %arena) {
  %given = load ptr, ptr %in
  %found = load ptr, ptr %out
  %n = load i64, ptr %given
  %m_p = getelementptr i64, ptr %given, i64 1
  %m = load i64, ptr %m_p
  %k_p = getelementptr i64, ptr %given, i64 2
  %k = load i64, ptr %k_p
  %same = icmp eq i64 %m, %k
  %few = icmp slt i64 %m, 8
  %suits = and i1 %same, %few
  %word = zext i1 %suits to i64
  store i64 %word, ptr %found
  %bytes = mul i64 %n, 32
  %f1 = getelementptr i64, ptr %found, i64 1
  store i64 %bytes, ptr %f1
  %f2 = getelementptr i64, ptr %found, i64 2
  store i64 %n, ptr %f2
  %f3 = getelementptr i64, ptr %found, i64 3
  store i64 %m, ptr %f3
  %f4 = getelementptr i64, ptr %found, i64 4
  store i64 %n, ptr %f4
  %f5 = getelementptr i64, ptr %found, i64 5
  store i64 %m, ptr %f5
  %twice = mul i64 %m, 2
  %f6 = getelementptr i64, ptr %found, i64 6
  store i64 %twice, ptr %f6
  ret void
}

define void @main(ptr %in, ptr %out, ptr %arena) {
  %symbols_p = getelementptr ptr, ptr %in, i64 2
  %symbols = load ptr, ptr %symbols_p
  %n = load i64, ptr %symbols
  %m_p = getelementptr i64, ptr %symbols, i64 1
  %m = load i64, ptr %m_p
  %bytes = mul i64 %n, 32
  call void @llvm.memset.p0.i64(ptr %arena, i8 1, i64 %bytes, i1 false)
  %a = load ptr, ptr %out
  %count = mul i64 %n, %m
  %size = mul i64 %count, 4
  call void @llvm.memset.p0.i64(ptr %a, i8 0, i64 %size, i1 false)
  %b_p = getelementptr ptr, ptr %out, i64 1
  %b = load ptr, ptr %b_p
  %rest = mul i64 %m, 8
  call void @llvm.memset.p0.i64(ptr %b, i8 1, i64 %rest, i1 false)
  ret void
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""


def symbolic() -> Callable[..., Any]:
    matrix, row = ArraySpec(np.dtype(np.float32), (ANY, ANY)), ArraySpec(np.dtype(np.float32), (ANY,))
    code = compile_llvm(SIZES, host_target())
    sizes = SizesFunction("sizes", 2)
    return native_function(code, "main", [matrix, row], [matrix, row], 64, slow, sizes=sizes)


def test_symbolic_sizes_of_results_and_arenas_are_what_the_code_says() -> None:
    function = symbolic()
    for n, m in ((2, 3), (40, 7), (1, 1), (1000, 2), (3, 5)):
        a, b = function(np.ones((n, m), np.float32), np.ones(m, np.float32))
        assert a.shape == (n, m)
        assert b.shape == (2 * m,)
        assert not a.any()
        assert set(b.tobytes()) == {1}
    assert arenas_of(function).free_blocks() == 1


@pytest.mark.parametrize("shapes", [((2, 3), (4,)), ((2, 9), (9,)), ((2, 3, 1), (3,)), ((3,), (3,))])
def test_symbolic_sizes_that_do_not_suit_go_to_the_slow_path(shapes: tuple[tuple[int, ...], ...]) -> None:
    given = [np.ones(shape, np.float32) for shape in shapes]
    marker, arguments = symbolic()(*given)
    assert marker is SLOW
    assert len(arguments) == 2


GOOD = np.zeros(4, np.float32)
MISFITS: dict[str, tuple[Any, ...]] = {
    "no argument": (),
    "too many": (GOOD, GOOD),
    "dtype": (GOOD.astype(np.float64),),
    "byte order": (GOOD.astype(">f4"),),
    "length": (np.zeros(5, np.float32),),
    "rank": (np.zeros((4, 1), np.float32),),
    "stride": (np.zeros(8, np.float32)[::2],),
    "alignment": (np.zeros(17, np.uint8)[1:].view(np.float32),),
    "list": ([0.0] * 4,),
    "number": (3,),
    "none": (None,),
    "subclass": (np.zeros(4, np.float32).view(np.recarray),),
}


@pytest.mark.parametrize("kind", MISFITS)
def test_whatever_does_not_fit_goes_to_the_slow_path(kind: str) -> None:
    marker, args = negate()(*MISFITS[kind])
    assert marker is SLOW
    assert len(args) == len(MISFITS[kind])
    assert all(got is given for got, given in zip(args, MISFITS[kind], strict=True))


def test_shapes_of_several_ranks_are_compared_dim_by_dim() -> None:
    deep = ArraySpec(np.dtype(np.float32), (1, 2, 2))
    function = native_function(
        compiled(), "negate", [deep], [ArraySpec(np.dtype(np.float32), (2, 2))], 0, slow
    )
    assert function(np.ones((1, 2, 2), np.float32)).shape == (2, 2)
    assert function(np.ones((2, 1, 2), np.float32))[0] is SLOW
    assert function(np.ones((2, 2), np.float32))[0] is SLOW


def test_exceptions_of_the_slow_path_come_through() -> None:
    def fail(*args: Any) -> Any:
        raise ValueError("from the slow path")

    with pytest.raises(ValueError, match="from the slow path"):
        negate(fail)(1)


def test_keywords_are_refused() -> None:
    with pytest.raises(TypeError, match="no keyword arguments"):
        negate()(x=GOOD)


def test_reference_counts_do_not_move() -> None:
    a, b = np.ones(4, np.float32), np.ones(4, np.float32)
    function, dtype = two_results(), np.dtype(np.float32)
    function(a, b)
    watched: list[Any] = [a, b, dtype, function, slow]
    before = [sys.getrefcount(item) for item in watched]
    for _ in range(1000):
        function(a, b)
        function(a, 1)
    assert [sys.getrefcount(item) for item in watched] == before
    (result, _) = function(a, b)
    assert sys.getrefcount(result) == 2


def test_calls_do_not_leak_memory() -> None:
    a, function = np.ones(4, np.float32), negate()
    tracemalloc.start()
    for _ in range(100):
        function(a)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(20000):
        function(a)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2000


def test_a_function_owns_what_it_needs_and_frees_it() -> None:
    def local_slow(*args: Any) -> Any:
        return len(args)

    code = compile_llvm(TEXT, host_target())
    alive = weakref.ref(code)
    function = native_function(code, "negate", [SPEC], [SPEC], 0, local_slow)
    del code, local_slow
    gc.collect()
    assert alive() is not None
    assert function(1, 2, 3) == 3
    np.testing.assert_array_equal(function(np.ones(4, np.float32)), -np.ones(4))
    del function
    gc.collect()
    assert alive() is None


def test_arenas_are_kept_and_reused() -> None:
    function, a = two_results(), np.ones(4, np.float32)
    assert arenas_of(function).free_blocks() == 0
    for _ in range(10):
        function(a, a)
    assert arenas_of(function).free_blocks() == 1


def test_thousands_of_functions() -> None:
    a = np.ones(4, np.float32)
    functions = [two_results() for _ in range(3000)]
    assert all(function(a, a)[0][0] == 2 for function in functions)


def test_overlapping_calls_have_their_own_arenas() -> None:
    function = two_results(release_gil=True)
    failures: list[int] = []

    def caller(number: int) -> None:
        a, b = np.full(4, number, np.float32), np.full(4, 1000 * number, np.float32)
        for _ in range(5000):
            total, negative = function(a, b)
            if total[3] != 1001 * number or negative[0] != -number:
                failures.append(number)

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


PARALLEL = """
@tsc_pool = dso_local global ptr null
define internal void @chunk(ptr %out, i64 %i) {
  %p = getelementptr float, ptr %out, i64 %i
  %x = uitofp i64 %i to float
  store float %x, ptr %p
  ret void
}
define void @main(ptr %in, ptr %out, ptr %arena) {
  %o = load ptr, ptr %out
  %pool = load ptr, ptr @tsc_pool
  %threads = load i64, ptr %pool
  %many = icmp sgt i64 %threads, 1
  br i1 %many, label %parallel, label %serial
parallel:
  %run_p = getelementptr i64, ptr %pool, i64 1
  %run = load ptr, ptr %run_p
  call void %run(ptr %pool, ptr @chunk, ptr %o, i64 4)
  ret void
serial:
  store <4 x float> splat (float -1.0), ptr %o, align 4
  ret void
}
"""


def test_the_first_parallel_call_starts_the_pool() -> None:
    before = get_num_threads()
    function = native_function(
        compile_llvm(PARALLEL, host_target()), "main", [], [SPEC], 0, slow, release_gil=True
    )
    set_num_threads(1)
    np.testing.assert_array_equal(function(), [-1, -1, -1, -1])
    set_num_threads(2)
    np.testing.assert_array_equal(function(), [0, 1, 2, 3])
    assert thread_pool().threads == 2
    set_num_threads(before)


def _definition(function: Callable[..., Any]) -> int | None:
    return ctypes.c_void_p.from_address(id(function) + METHOD_OFFSET).value


def test_the_definition_of_a_builtin_is_nobodys_to_free() -> None:
    """CPython reads it when a builtin goes, which in a cycle is after what the builtin owns."""
    made: list[Callable[..., Any]] = []
    made.append(negate(lambda *arguments: made[0](*arguments)))
    place = _definition(made[0])
    made = []
    gc.collect()
    assert _definition(negate()) == place
