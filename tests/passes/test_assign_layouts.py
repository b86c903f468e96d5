"""`assign-layouts`: channels last, halos, panels, and few copies."""

import re

import numpy as np
import pytest
from xdsl.dialects import func, scf
from xdsl.dialects.builtin import ModuleOp, TensorType, f32

from tests.passes.kernel_runner import context, parse, random
from tests.passes.linalg_text import Host, Kernel, Value, module
from tsc.analysis.layouts import Layout, Panels, layout_of, pack, tensor_type
from tsc.analysis.target import AVX2, AVX512, Target, ptx
from tsc.passes.assign_layouts import AssignLayouts
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.passes.split_kernels import SplitKernels


def assigned(text: str, target: Target = AVX2) -> ModuleOp:
    result = parse(text)
    for compiler_pass in (FuseElementwise(), SplitKernels(), AssignLayouts(machine=target)):
        compiler_pass.apply(context(), result)
        result.verify()
    return result


def calls(result: ModuleOp) -> list[func.CallOp]:
    return [op for op in result.walk() if isinstance(op, func.CallOp)]


def names(result: ModuleOp) -> list[str]:
    return [re.sub(r"_\d+$", "", call.callee.string_value()) for call in calls(result)]


def two_convolutions(channels: int) -> str:
    host, first, second = Host(), Kernel("first"), Kernel("second")
    x, w = first.argument((1, channels, 8, 8)), first.argument((16, channels, 3, 3))
    middle = first.relu(first.conv(x, w, 1, 1))
    y, v = second.argument(middle.shape), second.argument((16, 16, 3, 3))
    last = second.reduce(second.conv(y, v, 1, 1), (2, 3), "arith.addf", "0.0")
    (value,) = host.call(first, [middle], host.argument(x.shape), host.constant("w", w.shape))
    (value,) = host.call(second, [last], value, host.constant("v", v.shape))
    return host.text(value)


def test_a_convolution_writes_channels_last_with_the_halo_of_its_reader() -> None:
    result = assigned(two_convolutions(3))
    middle = next(c for c in calls(result) if c.callee.string_value() == "first").res[0]
    layout = layout_of(middle.type)
    assert layout.order == (0, 2, 3, 1)
    assert (layout.low, layout.high) == ((0, 0, 1, 1), (0, 0, 1, 1))


def test_only_the_image_is_copied() -> None:
    assert names(assigned(two_convolutions(3))).count("copy") == 1


def test_an_image_of_three_channels_keeps_its_order() -> None:
    image = calls(assigned(two_convolutions(3)))[0].res[0]
    assert layout_of(image.type).order == (0, 1, 2, 3)
    image = calls(assigned(two_convolutions(16)))[0].res[0]
    assert layout_of(image.type).order == (0, 2, 3, 1)


@pytest.mark.parametrize(("target", "width"), [(AVX2, 16), (AVX512, 32)], ids=["avx2", "avx512"])
def test_weights_lie_in_panels_as_wide_as_the_tile(target: Target, width: int) -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((196, 64)), kernel.argument((128, 64))
    result = assigned(module(kernel, [kernel.matmul(x, w)], [None, "w"]), target)
    panels = layout_of(calls(result)[0].arguments[1].type).panels
    assert panels == Panels((), (0,), (1,), width)


def test_flattening_after_a_global_pool_is_free() -> None:
    host, conv, pool = Host(), Kernel("conv"), Kernel("pool")
    x, w = conv.argument((1, 3, 8, 8)), conv.argument((16, 3, 3, 3))
    output = conv.conv(x, w)
    y = pool.argument(output.shape)
    total = pool.pool(y, 6, 1, 0, "arith.addf", "0.0")
    (value,) = host.call(conv, [output], host.argument(x.shape), host.constant("w", w.shape))
    (value,) = host.call(pool, [total], value)
    flat = host.reshape(value, (1, 16), "[[0], [1, 2, 3]]")
    double = Kernel("double")
    z = double.argument((1, 16))
    (value,) = host.call(double, [double.add(z, z)], flat)
    assert "copy" not in names(assigned(host.text(value)))


def test_a_returned_convolution_is_brought_into_row_major_order() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((1, 4, 8, 8)), kernel.argument((16, 4, 1, 1))
    result = assigned(module(kernel, [kernel.conv(x, w)], [None, "w"]))
    assert names(result) == ["k", "copy"]
    assert layout_of(calls(result)[-1].res[0].type).is_row_major


def stepping(is_loop: bool, steps: int) -> ModuleOp:
    """Two rows times weights that are an argument, in `steps` calls or in a loop."""
    kernel = Kernel("product")
    x, w = kernel.argument((2, 32)), kernel.argument((32, 32))
    text = kernel.text(kernel.matmul(x, w))
    call = "func.call @product(%{}, %w) : (tensor<2x32xf32>, tensor<32x32xf32>) -> tensor<2x32xf32>"
    if is_loop:
        body = f"""
          %c0 = arith.constant 0 : index
          %c1 = arith.constant 1 : index
          %r = scf.for %i = %c0 to %c1 step %c1 iter_args(%v = %x) -> (tensor<2x32xf32>) {{
            %y = {call.format("v")}
            scf.yield %y : tensor<2x32xf32>
          }}
          func.return %r : tensor<2x32xf32>"""
    else:
        lines = [f"%{n + 1} = {call.format(n)}" for n in range(steps)]
        body = "\n".join([*lines, f"func.return %{steps} : tensor<2x32xf32>"]).replace("%0,", "%x,")
    host = f"func.func @main(%x: tensor<2x32xf32>, %w: tensor<32x32xf32>) -> tensor<2x32xf32> {{{body}}}"
    return assigned(f"{text}\n{host}")


def test_weights_that_few_rows_of_one_call_read_are_read_as_they_lie() -> None:
    assert names(stepping(False, 1)) == ["product"]


def test_weights_that_several_calls_read_are_packed_once() -> None:
    assert names(stepping(False, 3)) == ["copy", "product", "product", "product"]


def test_weights_that_a_loop_reads_are_packed_before_it() -> None:
    packing, product = calls(stepping(True, 1))
    assert packing.callee.string_value().startswith("copy")
    assert isinstance(packing.parent_op(), func.FuncOp)
    assert isinstance(product.parent_op(), scf.ForOp)
    assert product.operands[1] is packing.res[0]


def test_a_constant_state_beside_larger_weights_is_no_weights() -> None:
    """So the result is row-major, though only the first state is known when the program is compiled."""
    kernel = Kernel("k")
    x, w = kernel.argument((2, 32)), kernel.argument((96, 32))
    result = assigned(module(kernel, [kernel.matmul(x, w)], ["x", None]))
    (call,) = [call for call in calls(result) if call.callee.string_value() == "k"]
    layouts = [layout_of(value.type) for value in (*call.arguments, *call.res)]
    assert layouts[0].panels is None
    assert layouts[2].is_row_major


def test_each_call_has_its_own_kernel_but_equal_layouts_are_not_decided_twice() -> None:
    host, kernel = Host(), Kernel("k")
    x = kernel.argument((4, 5))
    output = kernel.relu(x)
    (value,) = host.call(kernel, [output], host.argument(x.shape))
    (value,) = host.call_again(kernel, [output], value)
    result = assigned(host.text(value))
    assert len({c.callee.string_value() for c in calls(result)}) == 2


LAYOUTS = [
    Layout.row_major((2, 3, 4), f32),
    Layout.row_major((2, 3, 4), f32).with_order((2, 0, 1)),
    Layout.row_major((2, 3, 4), f32).with_order((0, 2, 1)).with_halo((0, 0, 1), (0, 0, 2)),
    Layout.row_major((), f32),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_types_state_layouts(layout: Layout) -> None:
    assert layout_of(tensor_type(layout)) == layout
    assert layout_of(TensorType(f32, layout.shape)).is_row_major


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_packing_puts_every_element_where_the_strides_say(layout: Layout) -> None:
    array = random(*layout.shape)
    memory = pack(array, layout)
    assert memory.size == layout.elements
    for index in np.ndindex(*layout.shape):
        place = layout.base + sum(i * s for i, s in zip(index, layout.strides, strict=True))
        assert memory[place] == array[index]
    assert np.count_nonzero(memory) == np.count_nonzero(array)


def test_panels_hold_columns_side_by_side_and_end_in_zeros() -> None:
    layout = Layout((5, 3), f32, (0, 1), (0, 0), (0, 0), Panels((), (0,), (1,), 4))
    array = random(5, 3)
    memory = pack(array, layout).reshape(2, 3, 4)
    np.testing.assert_array_equal(memory[0], array[:4].T)
    np.testing.assert_array_equal(memory[1, :, 0], array[4])
    assert not memory[1, :, 1:].any()


def test_values_of_a_scalar_kernel() -> None:
    kernel = Kernel("k")
    x: Value = kernel.argument(())
    assert names(assigned(module(kernel, [kernel.relu(x)]))) == ["k"]


@pytest.mark.parametrize(
    ("width", "target", "apart"), [(1024, AVX512, 16), (1000, AVX512, 0), (1024, AVX2, 0), (1024, ptx(), 0)]
)
def test_rows_that_would_meet_in_the_cache_lie_apart(width: int, target: Target, apart: int) -> None:
    host, first, second = Host(), Kernel("first"), Kernel("second")
    x, w = first.argument((20, 8)), first.argument((width, 8))
    middle = first.relu(first.matmul(x, w))
    y, v = second.argument(middle.shape), second.argument((16, width))
    (value,) = host.call(first, [middle], host.argument(x.shape), host.constant("w", w.shape))
    (value,) = host.call(second, [second.matmul(y, v)], value, host.constant("v", v.shape))
    result = assigned(host.text(value), target)
    middles = next(c for c in calls(result) if c.callee.string_value() == "first").res[0]
    assert layout_of(middles.type).high == (0, apart)
    assert "copy" not in names(result)
