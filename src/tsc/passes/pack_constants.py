"""Pass `pack-constants`: weights are brought into the layout that kernels read, once, at compile time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseResourceAttr, ModuleOp
from xdsl.passes import ModulePass

from tsc.analysis.layouts import Layout, layout_of, pack, tensor_type


class Pool(Protocol):
    """Arrays by resource key."""

    def __getitem__(self, key: str) -> np.ndarray[Any, Any]:
        """The array of `key`."""
        ...

    def add(self, hint: str, array: np.ndarray[Any, Any]) -> str:
        """Store an array under a key like `hint`; gives the key."""
        ...


@dataclass(frozen=True)
class PackConstants(ModulePass):
    """Replace encoded constants by new ones whose array already lies as the encoding says.

    Requires: the output of `assign-layouts`, and the pool that holds the constants' arrays.
    Leaves: the same program; an encoded constant names an array that is flat and packed. The pool is the
    context's, where none is given; without any nothing is done, and the runtime packs
    (`tsc.analysis.layouts.pack`) when it loads the constants.

    ```mlir
    %w = arith.constant dense_resource<w> : tensor<64x3x7x7xf32, {pack = ...}>
    // becomes
    %w = arith.constant dense_resource<w.packed> {tsc.packed} : tensor<64x3x7x7xf32, {pack = ...}>
    ```
    """

    name = "pack-constants"

    pool: Pool | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Pack each constant once per encoding."""
        pool: Pool | None = self.pool or getattr(ctx, "pool", None)
        if pool is None:
            return
        packed: dict[tuple[str, Layout], str] = {}
        for constant, key in encoded_constants(op):
            layout = layout_of(constant.result.type)
            if (key, layout) not in packed:
                packed[key, layout] = pool.add(f"{key}.packed", pack(pool[key], layout))
            handle = packed[key, layout]
            constant.value = DenseResourceAttr.from_params(handle, tensor_type(layout))
            constant.attributes["tsc.packed"] = constant.value


def encoded_constants(module: ModuleOp) -> Iterator[tuple[arith.ConstantOp, str]]:
    """The resource constants that do not lie as plain arrays, with their keys."""
    for op in module.walk():
        if not isinstance(op, arith.ConstantOp) or not isinstance(op.value, DenseResourceAttr):
            continue
        if not layout_of(op.result.type).is_row_major:
            yield op, op.value.resource_handle.data
