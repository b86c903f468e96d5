"""How a result of compiled code is brought where it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tsc.ahead.ir_text import FunctionText, escaped
from tsc.ahead.library_text import Library
from tsc.ahead.plan import Computed, Constant, Given, Move, View


def copy_result(
    library: Library, f: FunctionText, move: Move, to: str, size: str, given: Sequence[str],
    computed: Sequence[str],
) -> None:  # fmt: skip
    """Copy a result of `size` bytes."""
    base = move.source.base
    if isinstance(base, Given):
        start = given[base.number]
    elif isinstance(base, Computed):
        start = computed[base.number]
    else:
        assert isinstance(base, Constant)
        start = f"@constant.{len(library.module.parts)}"
        text = f'[{len(base.data)} x i8] c"{escaped(base.data)}"'
        library.module.parts.append(f"{start} = private constant {text}, align 16")
    view = move.source.view
    if view is None:
        f.call("ptr", "memcpy", f"ptr {to}", f"ptr {start}", f"i64 {size}")
    else:
        _copy_view(f, to, f.at(start, view.offset), *_runs(view, move.spec.dtype.size_bytes))


def _runs(view: View, item_bytes: int) -> tuple[list[tuple[int, int]], int]:
    """The dims, sizes and strides, over runs of elements that lie side by side, and the bytes of a run."""
    dims = [(n, s) for n, s in zip(view.shape, view.strides, strict=True) if n != 1]
    run = item_bytes
    while dims and dims[-1][1] == run:
        run *= dims.pop()[0]
    return dims, run


def _copy_view(f: FunctionText, to: str, start: str, dims: Sequence[tuple[int, int]], run: int) -> None:
    """Copy runs of bytes, by strides, to row-major memory."""
    if not dims:
        f.call("ptr", "memcpy", f"ptr {to}", f"ptr {start}", f"i64 {run}")
        return
    (size, stride), *inner = dims
    step = run
    for count, _ in inner:
        step *= count
    with f.rounds(str(size)) as number:
        source = f.at(start, f.binary("mul", number, stride))
        _copy_view(f, f.at(to, f.binary("mul", number, step)), source, inner, run)


def size_value(f: FunctionText, words: Any, size_of: Callable[[list[int]], str]) -> str:
    """A number that is computed from sizes: see `tsc.dims.from_words`."""
    if isinstance(words, int):
        return str(words)
    kind, *parts = words
    if kind == "size":
        return size_of(parts[0])
    values = [size_value(f, part, size_of) for part in parts]
    operation = _OPERATIONS.get(kind)
    if operation is None:
        return _floored(f, kind, *values)
    result, *rest = values or ["0" if kind == "sum" else "1"]
    for value in rest:
        if operation.startswith("llvm."):
            result = f.call("i64", operation, f"i64 {result}", f"i64 {value}")
        else:
            result = f.binary(operation, result, value)
    return result


_OPERATIONS = {"sum": "add", "product": "mul", "min": "llvm.smin.i64", "max": "llvm.smax.i64"}


def _floored(f: FunctionText, kind: str, a: str, b: str) -> str:
    """``floordiv`` or ``mod``, rounded as Python rounds."""
    quotient, rest = f.binary("sdiv", a, b), f.binary("srem", a, b)
    is_other_sign = f.compare("slt", f.binary("xor", rest, b), 0)
    is_lower = f.binary("and", f.compare("ne", rest, 0), is_other_sign, "i1")
    if kind == "floordiv":
        return f.binary("sub", quotient, f.value(f"zext i1 {is_lower} to i64"))
    assert kind == "mod"
    return f.binary("add", rest, f.value(f"select i1 {is_lower}, i64 {b}, i64 0"))
