"""The text of a module as MLIR's own tools read it, and the arrays of its constants behind it
(``dialect_resources``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any, cast

import numpy as np
from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import DenseResourceAttr, IntegerType, ModuleOp, TensorType
from xdsl.ir import Operation
from xdsl.printer import Printer

from tsc import dtypes
from tsc.dialects.constants import ConstantPool
from tsc.dialects.tsc import GroupOp
from tsc.dialects.walking import walk
from tsc.errors import IRError

_FORMATS_DIFFER = (memref.AllocaOp, memref.AllocOp, arith.NegfOp)
"""Operations whose properties stand in another place of MLIR's own format than of xDSL's."""


class MlirPrinter(Printer):
    """Prints operations whose formats in xDSL are not those of MLIR in the generic form, which is one."""

    def __init__(self, stream: IO[str], *, is_generic: bool = False, is_located: bool = False) -> None:
        super().__init__(stream, print_generic_format=is_generic, print_debuginfo=is_located)

    def print_op(self, op: Operation) -> None:
        """Print one."""
        before = self.print_generic_format
        self.print_generic_format = before or _lacks_format(op)
        super().print_op(op)
        self.print_generic_format = before


def _lacks_format(op: Operation) -> bool:
    """Whether MLIR does not read the format of `op`: that of a choice between the lanes of vectors has no
    type of its condition in xDSL, and those of the dialect `tsc` nobody else knows. (Groups are ours alone:
    the stage that has them is for reading.)
    """
    if isinstance(op, arith.SelectOp):
        return not isinstance(op.cond.type, IntegerType)
    if op.name.startswith("tsc."):
        return not isinstance(op, GroupOp) and not isinstance(op.parent_op(), GroupOp)
    return isinstance(op, _FORMATS_DIFFER) and bool(op.properties or op.attributes)


def mlir_text(module: Operation, *, is_generic: bool = False, is_located: bool = False) -> str:
    """The text of an operation, a module above all; with the location of each where that is wanted."""
    stream = io.StringIO()
    MlirPrinter(stream, is_generic=is_generic, is_located=is_located).print_op(module)
    return stream.getvalue()


def resources(module: ModuleOp) -> dict[str, TensorType[Any]]:
    """The keys of arrays that a module names, and the types they are read as, in order of mention."""
    return dict(_resources(module))


def _resources(module: ModuleOp) -> Iterator[tuple[str, TensorType[Any]]]:
    for op in walk(module):
        for attribute in (*op.attributes.values(), *op.properties.values()):
            if isinstance(attribute, DenseResourceAttr):
                yield attribute.resource_handle.data, cast("TensorType[Any]", attribute.type)


def weights_text(module: ModuleOp, arrays: ConstantPool) -> str:
    """What stands behind the text of a module that has its arrays with it: of each the bytes of its elements,
    behind the alignment they want. Nothing, where the module names none.
    """
    entries = [f'      {key}: "{_blob(arrays[key])}"' for key in resources(module)]
    if not entries:
        return ""
    lines = [
        "{-#",
        "  dialect_resources: {",
        "    builtin: {",
        ",\n".join(entries),
        "    }",
        "  }",
        "#-}",
        "",
    ]
    return "\n".join(lines)


def _blob(array: np.ndarray[Any, Any]) -> str:
    alignment = array.dtype.itemsize.to_bytes(4, "little")
    return f"0x{(alignment + np.ascontiguousarray(array).tobytes()).hex().upper()}"


def array_of(key: str, blob: str, kind: TensorType[Any]) -> np.ndarray[Any, Any]:
    """The array of type `kind` whose bytes are in `blob`.

    Raises:
        IRError: there are more of them, or fewer.
    """
    dtype, shape = dtypes.by_mlir(str(kind.element_type)).numpy, kind.get_shape()
    data = bytes.fromhex(blob.removeprefix("0x"))[4:]
    wanted = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if len(data) != wanted:
        raise IRError(f"resource '{key}': requires {wanted} bytes for {kind}; got {len(data)}")
    return np.frombuffer(data, dtype).reshape(shape)
