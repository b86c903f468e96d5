"""`schedule`: kernels that are the same are written once, and what cannot be scheduled is named."""

import pytest

from tests.passes.kernel_runner import build, context, parse, random
from tests.passes.linalg_text import Host, Kernel, module
from tsc.analysis.target import AVX2, AVX512, GENERIC_X86, Target
from tsc.errors import CodegenError
from tsc.passes.schedule import Schedule


def test_equal_kernels_are_written_once() -> None:
    host, first, second = Host(), Kernel("first"), Kernel("second")
    x, y = first.argument((4, 5)), second.argument((4, 5))
    (value,) = host.call(first, [first.relu(x)], host.argument((4, 5)))
    (value,) = host.call(second, [second.relu(y)], value)
    assert len(build(host.text(value)).kernels()) == 1


def test_different_kernels_are_kept_apart() -> None:
    host, first, second = Host(), Kernel("first"), Kernel("second")
    x, y = first.argument((4, 5)), second.argument((4, 5))
    (value,) = host.call(first, [first.relu(x)], host.argument((4, 5)))
    (value,) = host.call(second, [second.add(y, y)], value)
    assert len(build(host.text(value)).kernels()) == 2


def test_a_kernel_without_a_kind_is_named() -> None:
    kernel = Kernel("nameless")
    x = kernel.argument((4,))
    with pytest.raises(CodegenError, match=r"nameless requires tsc\.kind in"):
        Schedule().apply(context(), parse(module(kernel, [kernel.relu(x)])))


@pytest.mark.parametrize("target", [AVX2, AVX512, GENERIC_X86], ids=["avx2", "avx512", "sse2"])
def test_every_target_can_be_scheduled_for_on_any_machine(target: Target) -> None:
    from tests.passes.kernel_runner import lower

    kernel = Kernel("k")
    x, w = kernel.argument((1, 16, 14, 14)), kernel.argument((24, 16, 3, 3))
    text = module(kernel, [kernel.relu(kernel.conv(x, w, 1, 1))], [None, "w"])
    lanes = target.lanes(32)
    assert f"vector<{lanes}xf32>" in str(lower(text, target))


def test_results_do_not_depend_on_what_was_in_memory() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((1, 8, 7, 7)), kernel.argument((8, 8, 3, 3))
    program = build(module(kernel, [kernel.conv(x, w, 1, 1)], [None, "w"]), {"w": random(8, 8, 3, 3)})
    a = random(1, 8, 7, 7)
    program.arena[:] = 0x7F
    (first,) = program(a)
    program.arena[:] = 0xFF
    (second,) = program(a)
    assert (first == second).all()
