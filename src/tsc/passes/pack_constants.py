"""Pass `pack-constants`: weights are brought into the layout that kernels read, once, at compile time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, DenseResourceAttr, ModuleOp
from xdsl.passes import ModulePass

from tsc.analysis.layouts import layout_of, pack, tensor_type
from tsc.analysis.module_functions import hosts
from tsc.dialects.constants import ConstantPool, dense_array
from tsc.dialects.walking import walk


@dataclass(frozen=True)
class PackConstants(ModulePass):
    """Replace encoded constants by new ones whose array already lies as the encoding says.

    Requires: the output of `assign-layouts`, and the pool that holds the constants' arrays.
    Leaves: the same program; an encoded constant names an array that is flat and packed. The pool is the
    context's, where none is given; without any nothing is done, and the runtime packs
    (`tsc.analysis.layouts.pack`) when it loads the constants. What was made for a kernel and then packed is
    not kept beside it.

    ```mlir
    %w = arith.constant dense_resource<w> : tensor<64x3x7x7xf32, {pack = ...}>
    // becomes
    %w = arith.constant dense_resource<w.packed> {tsc.packed} : tensor<64x3x7x7xf32, {pack = ...}>
    ```
    """

    name = "pack-constants"

    pool: ConstantPool | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Pack each constant once per encoding; what another specialization has packed is used again."""
        pool: ConstantPool | None = getattr(ctx, "pool", None) if self.pool is None else self.pool
        if pool is None:
            return
        for constant, array in inline_constants(op):
            handle = pool.add("constant", array)
            constant.value = DenseResourceAttr.from_params(handle, cast(Any, constant.result.type))
        packed = list(encoded_constants(op))
        for constant, key in packed:
            layout = layout_of(constant.result.type)
            handle = pool.derived(key, layout, partial(pack, layout=layout), f"{key}.packed")
            constant.value = DenseResourceAttr.from_params(handle, tensor_type(layout))
            constant.attributes["tsc.packed"] = constant.value
        read = {key for constant, key in resource_constants(op) if constant.result.first_use is not None}
        for key in {key for _, key in packed} - read:
            pool.forget_derived(key)


def encoded_constants(module: ModuleOp) -> Iterator[tuple[arith.ConstantOp, str]]:
    """The resource constants that do not lie as plain arrays, with their keys."""
    return ((op, key) for op, key in resource_constants(module) if not layout_of(op.result.type).is_row_major)


def resource_constants(module: ModuleOp) -> Iterator[tuple[arith.ConstantOp, str]]:
    """The constants whose arrays are in the pool, with their keys."""
    for op in walk(module):
        if isinstance(op, arith.ConstantOp) and isinstance(op.value, DenseResourceAttr):
            yield op, op.value.resource_handle.data


def inline_constants(module: ModuleOp) -> Iterator[tuple[arith.ConstantOp, np.ndarray[Any, Any]]]:
    """The tensor constants of host functions whose elements stand in the text, with their arrays."""
    for function in hosts(module):
        for op in walk(function):
            if isinstance(op, arith.ConstantOp) and isinstance(op.value, DenseIntOrFPElementsAttr):
                yield op, dense_array(op.value)
