"""How a result of compiled code is brought where it goes."""

from __future__ import annotations

from collections.abc import Sequence

from tsc.ahead.ir_text import FunctionText, escaped
from tsc.ahead.library_text import Library
from tsc.ahead.plan import Computed, Given, Move, View


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
