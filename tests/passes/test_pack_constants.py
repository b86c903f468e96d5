"""`pack-constants`: arrays are encoded once, and named anew."""

from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from tests.passes.kernel_runner import context, parse, random
from tests.passes.linalg_text import Host, Kernel, module
from tsc.analysis.target import AVX2
from tsc.dialects.constants import ConstantPool
from tsc.passes.assign_layouts import AssignLayouts
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.passes.pack_constants import PackConstants, encoded_constants
from tsc.passes.split_kernels import SplitKernels


def pool_of(**arrays: np.ndarray[Any, Any]) -> ConstantPool:
    pool = ConstantPool()
    for key, array in arrays.items():
        pool.set(key, array)
    return pool


def packed(text: str, pool: ConstantPool | None) -> list[str]:
    return packed_keys(parse(text), pool)


def packed_keys(result: ModuleOp, pool: ConstantPool | None) -> list[str]:
    for compiler_pass in (
        FuseElementwise(),
        SplitKernels(),
        AssignLayouts(machine=AVX2),
        PackConstants(pool),
    ):
        compiler_pass.apply(context(), result)
        result.verify()
    return [key for _, key in encoded_constants(result)]


def linear() -> str:
    kernel = Kernel("k")
    x, w = kernel.argument((20, 64)), kernel.argument((40, 64))
    return module(kernel, [kernel.matmul(x, w)], [None, "weight.packing"])


def test_an_encoded_constant_gets_a_packed_array() -> None:
    text = linear().replace("weight.packing", "packing_a")
    pool = pool_of(packing_a=random(40, 64))
    (key,) = packed(text, pool)
    assert key == "packing_a.packed"
    assert pool[key].size >= 40 * 64
    assert pool[key].ndim == 1


def test_a_second_specialization_uses_what_the_first_has_packed() -> None:
    program = parse(linear().replace("weight.packing", "packing_c"))
    pool = pool_of(packing_c=random(40, 64))
    assert packed_keys(program.clone(), pool) == packed_keys(program, pool) == ["packing_c.packed"]
    assert list(pool) == ["packing_c", "packing_c.packed"]


def test_what_was_made_to_be_packed_is_not_kept_beside_it() -> None:
    pool = pool_of(packing_g=random(40, 64))
    made = [pool.derived("packing_g", "twice", lambda w: 2 * w, "packing_h") for _ in range(2)]
    assert packed(linear().replace("weight.packing", "packing_h"), pool) == ["packing_h.packed"]
    assert list(pool) == ["packing_g", "packing_h.packed"]
    made.append(pool.derived("packing_g", "twice", lambda w: 2 * w, "packing_h"))
    assert made == ["packing_h"] * 3


def test_without_a_pool_the_runtime_packs() -> None:
    assert packed(linear().replace("weight.packing", "packing_b"), None) == ["packing_b"]


def test_elements_in_the_text_move_into_the_pool() -> None:
    kernel, host = Kernel("k"), Host()
    x, y = kernel.argument((3,)), kernel.argument((3,))
    (value,) = host.call(kernel, [kernel.add(x, y)], host.argument((3,)), y)
    constant = "%a1 = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>"
    text = host.text(value).replace("%h1 =", constant + "\n  %h1 =", 1)
    pool = ConstantPool()
    assert packed(text, pool) == []
    np.testing.assert_array_equal(pool["constant"], np.array([1, 2, 3], np.float32))
