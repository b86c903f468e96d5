"""What callers give, checked: functions of a library that all its methods use."""

from __future__ import annotations

from tsc import dtypes
from tsc.ahead import layout
from tsc.ahead.ir_text import FunctionText
from tsc.ahead.layout import Status
from tsc.ahead.library_text import Library

_CODES = 1 + max(dtype.code for dtype in dtypes.ALL)


def add_checks(library: Library) -> None:
    """The functions ``check.tensor``, ``check.overlap`` and ``memory.reserve``."""
    names = {dtype.code: dtype.name for dtype in dtypes.ALL}
    texts = [library.module.string(names.get(code, "none")) for code in range(_CODES)]
    table = library.module.table("dtype.names", "ptr", texts)
    for made in (_dtype_name(library, table), _tensor(library), _overlap(), _reserve()):
        library.module.add(made)


def _dtype_name(library: Library, table: str) -> FunctionText:
    f = FunctionText("internal ptr @dtype.name", "i32 %code")
    with f.when(f.value(f"icmp uge i32 %code, {_CODES}")):
        f.leave(f"ret {library.text('none')}")
    place = f.binary("mul", f.widened("%code"), 8)
    f.leave(f"ret ptr {f.word(table, place, 'ptr')}")
    return f


def _tensor(library: Library) -> FunctionText:
    """Whether a tensor is what a method takes: its dtype, its dims (-1: any size), and where its data lie."""
    f = FunctionText(
        "internal i32 @check.tensor", "ptr %tensor", "ptr %what", "i32 %dtype", "i64 %align", "i64 %ndim",
        "ptr %dims", "i1 %has_data",
    )  # fmt: skip
    dtype = f.word("%tensor", layout.DTYPE, "i32")
    with f.when(f.value(f"icmp ne i32 {dtype}, %dtype")):
        wanted, got = (f.call("ptr", "dtype.name", f"i32 {code}") for code in ("%dtype", dtype))
        library.fail(
            f, Status.DTYPE, "%s: requires dtype %s; got %s (%d)", "ptr %what", f"ptr {wanted}", f"ptr {got}",
            f"i32 {dtype}",
        )  # fmt: skip
    ndim = f.widened(f.word("%tensor", layout.NDIM, "i32"))
    with f.when(f.value(f"icmp ne i64 {ndim}, %ndim")):
        text = "%s: requires %lld dims; got %lld"
        library.fail(f, Status.SHAPE, text, "ptr %what", "i64 %ndim", f"i64 {ndim}")
    count = f.memory("i64")
    f.put("i64 1", count)
    with f.rounds("%ndim") as number:
        place = f.value(f"mul i64 {number}, 8")
        size, want = f.word(f.at("%tensor", layout.SIZES), place), f.word("%dims", place)
        differs = f.value(f"icmp ne i64 {size}, {want}")
        is_fixed = f.value(f"icmp sge i64 {want}, 0")
        with f.when(f.value(f"and i1 {differs}, {is_fixed}")):
            text = "%s: requires size %lld in dim %lld; got %lld"
            listed = ("ptr %what", f"i64 {want}", f"i64 {number}", f"i64 {size}")
            library.fail(f, Status.SHAPE, text, *listed)
        with f.when(f.value(f"icmp slt i64 {size}, 0")):
            text = "%s: requires sizes of at least 0; got %lld in dim %lld"
            library.fail(f, Status.SHAPE, text, "ptr %what", f"i64 {size}", f"i64 {number}")
        f.put(f"i64 {f.binary('mul', f.word(count), size)}", count)
    holds = f.value(f"icmp ne i64 {f.word(count)}, 0")
    with f.when(f.value(f"and i1 %has_data, {holds}")):
        data = f.word("%tensor", layout.DATA, "ptr")
        with f.when(f.is_null(data)):
            library.fail(f, Status.ARGUMENT, "%s: requires a buffer; got none", "ptr %what")
        rest = f.binary("urem", f.value(f"ptrtoint ptr {data} to i64"), "%align")
        with f.when(f.compare("ne", rest, 0)):
            text = "%s: requires a buffer aligned to its elements of %lld bytes; got %p"
            library.fail(f, Status.ARGUMENT, text, "ptr %what", "i64 %align", f"ptr {data}")
    f.leave("ret i32 0")
    return f


def _overlap() -> FunctionText:
    """The number of a buffer that is written and shares bytes with another one; -1: there is none."""
    f = FunctionText("internal i64 @check.overlap", "ptr %starts", "ptr %sizes", "ptr %writes", "i64 %count")
    with f.rounds("%count") as one:
        writes = f.word("%writes", one, "i8")
        with f.when(f.value(f"icmp ne i8 {writes}, 0")):
            a, a_end = _extent(f, one)
            with f.rounds("%count") as other:
                b, b_end = _extent(f, other)
                before, after = f.value(f"icmp ult i64 {a}, {b_end}"), f.value(f"icmp ult i64 {b}, {a_end}")
                meets = f.value(f"and i1 {before}, {after}")
                is_other = f.compare("ne", one, other)
                is_there = f.binary("and", f.compare("ne", a, a_end), f.compare("ne", b, b_end), "i1")
                with f.when(f.binary("and", meets, f.binary("and", is_other, is_there, "i1"), "i1")):
                    f.leave(f"ret i64 {one}")
    f.leave("ret i64 -1")
    return f


def _extent(f: FunctionText, number: str) -> tuple[str, str]:
    place = f.value(f"mul i64 {number}, 8")
    start = f.word("%starts", place)
    return start, f.binary("add", start, f.word("%sizes", place))


def _reserve() -> FunctionText:
    """Scratch memory of at least `bytes` bytes, which the instance keeps; null where there is no more."""
    f = FunctionText("internal ptr @memory.reserve", "ptr %instance", "i64 %bytes")
    there = f.word("%instance", layout.MEMORY_BYTES)
    with f.when(f.value(f"icmp uge i64 {there}, %bytes")):
        f.leave(f"ret ptr {f.word('%instance', layout.MEMORY, 'ptr')}")
    f.call("void", "free", f"ptr {f.word('%instance', layout.MEMORY, 'ptr')}")
    f.put("i64 0", "%instance", layout.MEMORY_BYTES)
    made = f.call("ptr", "aligned_alloc", "i64 64", "i64 %bytes")
    f.put(f"ptr {made}", "%instance", layout.MEMORY)
    with f.when(f.value(f"icmp ne ptr {made}, null")):
        f.put("i64 %bytes", "%instance", layout.MEMORY_BYTES)
    f.leave(f"ret ptr {made}")
    return f
