"""Instances of a library's model, as functions of it: made, set back, asked, freed."""

from __future__ import annotations

from tsc.ahead import layout
from tsc.ahead.ir_text import FunctionText
from tsc.ahead.layout import Status
from tsc.ahead.library_text import Library, pass_on
from tsc.ahead.threads_ir import MOST_THREADS

_ALIGNMENT = 64


def add_instance(library: Library) -> None:
    """The functions ``create``, ``destroy``, ``reset``, ``level``, ``threads`` and ``error``."""
    for made in (
        _free(), _set_back(library), _create(library), _destroy(library), _reset(library), _level(library),
        _threads(library), _error(library),
    ):  # fmt: skip
        library.module.add(made)


def _state_places(library: Library) -> tuple[list[int], int]:
    """Where each cell lies in the memory of the state, and how many bytes one copy of it has."""
    places: list[int] = []
    size = 0
    for cell in library.cells:
        places.append(size)
        size += max(1, -(-cell.initial.nbytes // _ALIGNMENT)) * _ALIGNMENT
    return places, size


def _free() -> FunctionText:
    """Free an instance, whose threads have ended, with all it holds."""
    f = FunctionText("internal void @instance.free", "ptr %instance")
    f.call("void", "free", f"ptr {f.word('%instance', layout.STATE, 'ptr')}")
    f.call("void", "free", f"ptr {f.word('%instance', layout.MEMORY, 'ptr')}")
    f.call("void", "free", "ptr %instance")
    f.call("void", "weights.release")
    f.leave("ret void")
    return f


def _set_back(library: Library) -> FunctionText:
    """Give all cells their first values."""
    f = FunctionText("internal void @state.set", "ptr %instance")
    base = f.value("load ptr, ptr @weights.base")
    for cell, place in zip(library.cells, library.initial, strict=True):
        to = f.word("%instance", layout.current(cell.number), "ptr")
        f.call("ptr", "memcpy", f"ptr {to}", f"ptr {f.at(base, place)}", f"i64 {cell.initial.nbytes}")
    f.leave("ret void")
    return f


def _create(library: Library) -> FunctionText:
    what = f"{library.name}_create"
    f = library.exported("i32", "create", "ptr %options", "ptr %made")
    with f.when(f.is_null("%made")):
        library.fail(f, Status.ARGUMENT, f"{what}: requires a place for the instance; got none")
    f.put("ptr null", "%made")
    threads_cell, path_cell = f.memory("i64"), f.memory("ptr")
    f.put("i64 0", threads_cell)
    f.put("ptr null", path_cell)
    given = f.value("icmp ne ptr %options, null")
    with f.when(given):
        threads = f.widened(f.word("%options", layout.OPTION_THREADS, "i32"))
        f.put(f"i64 {threads}", threads_cell)
        path = f.word("%options", layout.OPTION_WEIGHTS, "ptr")
        f.put(f"ptr {path}", path_cell)
    asked = f.word(threads_cell)
    with f.when(f.value(f"icmp ugt i64 {asked}, {MOST_THREADS}")):
        text = f"{what}: requires 0 (one for each core) to {MOST_THREADS} threads; got %lld"
        library.fail(f, Status.ARGUMENT, text, f"i64 {asked}")
    level = f.call("i64", "cpu.level")
    with f.when(f.value(f"icmp slt i64 {level}, 0")):
        f.leave(f"ret i32 {int(Status.CPU)}")
    pass_on(f, f.call("i32", "weights.acquire", f"ptr {f.word(path_cell, 0, 'ptr')}"))
    size = layout.instance_bytes(len(library.cells))
    instance = f.call("ptr", "aligned_alloc", f"i64 {_ALIGNMENT}", f"i64 {size}")
    with f.when(f.is_null(instance)):
        f.call("void", "weights.release")
        library.fail(f, Status.MEMORY, f"{what}: the system gives no more memory")
    f.call("ptr", "memset", f"ptr {instance}", "i32 0", f"i64 {size}")
    f.put(f"i64 {level}", instance, layout.LEVEL)
    process = f.widened(f.call("i32", "getpid"))
    f.put(f"i64 {process}", instance, layout.PROCESS)
    _make_state(library, f, instance)
    cores = f.call("i64", "threads.cores")
    is_default = f.value(f"icmp eq i64 {asked}, 0")
    threads = f.value(f"select i1 {is_default}, i64 {cores}, i64 {asked}")
    status = f.call("i32", "threads.start", f"ptr {instance}", f"i64 {threads}")
    with f.when(f.value(f"icmp ne i32 {status}, 0")):
        f.call("void", "instance.free", f"ptr {instance}")
        f.leave(f"ret i32 {status}")
    f.put(f"ptr {instance}", "%made")
    f.leave("ret i32 0")
    return f


def _make_state(library: Library, f: FunctionText, instance: str) -> None:
    """Memory for two copies of each cell: as it is, and as the next call makes it."""
    places, size = _state_places(library)
    if not places:
        return
    state = f.call("ptr", "aligned_alloc", f"i64 {_ALIGNMENT}", f"i64 {2 * size}")
    with f.when(f.is_null(state)):
        f.call("void", "instance.free", f"ptr {instance}")
        library.fail(f, Status.MEMORY, f"{library.name}_create: the system gives no more memory")
    f.put(f"ptr {state}", instance, layout.STATE)
    for number, place in enumerate(places):
        f.put(f"ptr {f.at(state, place)}", instance, layout.current(number))
        f.put(f"ptr {f.at(state, size + place)}", instance, layout.following(number))
    f.call("void", "state.set", f"ptr {instance}")


def _destroy(library: Library) -> FunctionText:
    f = library.exported("void", "destroy", "ptr %instance")
    with f.when(f.value("icmp ne ptr %instance, null")):
        f.call("void", "threads.stop", "ptr %instance")
        f.call("void", "instance.free", "ptr %instance")
    f.leave("ret void")
    return f


def require_instance(library: Library, f: FunctionText, what: str) -> None:
    """Leave a function of an instance that is called without one."""
    with f.when(f.is_null("%instance")):
        library.fail(f, Status.ARGUMENT, f"{what}: requires an instance; got none")


def enter(library: Library, f: FunctionText, what: str) -> None:
    """Take an instance for one call, or leave: another thread has it."""
    busy = f.at("%instance", layout.BUSY)
    taken = f.value(f"cmpxchg ptr {busy}, i64 0, i64 1 acquire monotonic")
    got = f.value(f"extractvalue {{ i64, i1 }} {taken}, 1")
    with f.when(f.binary("xor", got, "true", "i1")):
        text = f"{what}: requires one call of an instance at a time; got two, in different threads"
        library.fail(f, Status.BUSY, text)


def leave(f: FunctionText) -> None:
    """Give an instance back."""
    f.do(f"store atomic i64 0, ptr {f.at('%instance', layout.BUSY)} release, align 8")


def _reset(library: Library) -> FunctionText:
    what = f"{library.name}_reset"
    f = library.exported("i32", "reset", "ptr %instance")
    require_instance(library, f, what)
    enter(library, f, what)
    f.call("void", "state.set", "ptr %instance")
    leave(f)
    f.leave("ret i32 0")
    return f


def _level(library: Library) -> FunctionText:
    f = library.exported("ptr", "level", "ptr %instance")
    with f.when(f.is_null("%instance")):
        f.leave(f"ret {library.text('')}")
    names = library.module.table(
        "level.names", "ptr", [library.module.string(n.name) for n in library.levels]
    )
    place = f.binary("mul", f.word("%instance", layout.LEVEL), 8)
    f.leave(f"ret ptr {f.word(names, place, 'ptr')}")
    return f


def _threads(library: Library) -> FunctionText:
    f = library.exported("i32", "threads", "ptr %instance")
    with f.when(f.is_null("%instance")):
        f.leave("ret i32 0")
    workers = f.word("%instance", layout.WORKERS)
    count = f.binary("add", workers, 1)
    f.leave(f"ret i32 {f.value(f'trunc i64 {count} to i32')}")
    return f


def _error(library: Library) -> FunctionText:
    f = library.exported("ptr", "error")
    f.leave("ret ptr @error.text")
    return f
