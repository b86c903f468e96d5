"""The weights of a library, as functions of it: found, mapped, and their addresses told to compiled code."""

from __future__ import annotations

from tsc.ahead.ir_text import FunctionText
from tsc.ahead.layout import Status
from tsc.ahead.library_text import Library
from tsc.ahead.weights import HEADER_BYTES

SYMBOL = "tsc.weights"
_READ_CLOEXEC, _SEEK_END = 0x80000, 2
_PROT_READ, _MAP_PRIVATE = 1, 2
_PATH_BYTES = 4096
_SLASH = 47


def add_weights(library: Library) -> None:
    """The functions ``weights.acquire`` and ``weights.release``, which count the instances."""
    library.module.parts += [
        "@weights.lock = internal global [64 x i8] zeroinitializer",  # a mutex of the C library, unlocked
        "@weights.users = internal global i64 0",
        "@weights.base = internal global ptr null",
        "@weights.map = internal global ptr null",
    ]
    find = _map(library) if library.weights_file is not None else _inside(library)
    for made in (find, _fill(), _fill_all(library), _acquire(), _release(library)):
        library.module.add(made)


def _inside(library: Library) -> FunctionText:
    """Weights that are part of the library."""
    library.module.parts.append(f"@{SYMBOL} = external hidden constant i8")
    f = FunctionText("internal i32 @weights.find", "ptr %path")
    with f.when(f.value("icmp ne ptr %path, null")):
        text = f"{library.name}_create: requires no file of weights: they are in the library; got %s"
        library.fail(f, Status.ARGUMENT, text, "ptr %path")
    f.do(f"store ptr @{SYMBOL}, ptr @weights.base")
    f.leave("ret i32 0")
    return f


def _map(library: Library) -> FunctionText:
    """Weights in a file: at `path`, or beside the library."""
    assert library.weights_file is not None
    header = library.module.string(library.weights_header)
    size = HEADER_BYTES + library.weights_bytes
    f = FunctionText("internal i32 @weights.find", "ptr %path")
    beside = _beside(library, library.weights_file, f)
    path = f.value(f"select i1 {f.is_null('%path')}, ptr {beside}, ptr %path")
    file = f.value(f"call i32 (ptr, i32, ...) @open(ptr {path}, i32 {_READ_CLOEXEC})")
    with f.when(f.value(f"icmp slt i32 {file}, 0")):
        why = _why(f)
        library.fail(f, Status.WEIGHTS, f"{library.name}_create: %s: %s", f"ptr {path}", f"ptr {why}")
    length = f.call("i64", "lseek", f"i32 {file}", "i64 0", f"i32 {_SEEK_END}")
    other = (
        f"{library.name}_create: %s: requires the weights that the library was made with; got another file"
    )
    with f.when(f.value(f"icmp ne i64 {length}, {size}")):
        f.call("i32", "close", f"i32 {file}")
        library.fail(f, Status.WEIGHTS, other, f"ptr {path}")
    found = f.call(
        "ptr",
        "mmap",
        "ptr null",
        f"i64 {size}",
        f"i32 {_PROT_READ}",
        f"i32 {_MAP_PRIVATE}",
        f"i32 {file}",
        "i64 0",
    )
    f.call("i32", "close", f"i32 {file}")
    with f.when(f.compare("eq", f.value(f"ptrtoint ptr {found} to i64"), -1)):
        why = _why(f)
        library.fail(f, Status.WEIGHTS, f"{library.name}_create: %s: %s", f"ptr {path}", f"ptr {why}")
    differs = f.call("i32", "memcmp", f"ptr {found}", f"ptr {header}", f"i64 {HEADER_BYTES}")
    with f.when(f.value(f"icmp ne i32 {differs}, 0")):
        f.call("i32", "munmap", f"ptr {found}", f"i64 {size}")
        library.fail(f, Status.WEIGHTS, other, f"ptr {path}")
    f.do(f"store ptr {found}, ptr @weights.map")
    f.do(f"store ptr {f.at(found, HEADER_BYTES)}, ptr @weights.base")
    f.leave("ret i32 0")
    return f


def _beside(library: Library, file: str, f: FunctionText) -> str:
    """The path of a file in the folder of the library."""
    beside = f.memory(f"[{_PATH_BYTES} x i8]")
    told = f.memory("[4 x ptr]")
    f.call("ptr", "memset", f"ptr {told}", "i32 0", "i64 32")
    f.call("i32", "dladdr", f"ptr @{library.name}_create", f"ptr {told}")
    own = f.word(told, 0, "ptr")
    named = f.value(f"select i1 {f.is_null(own)}, {library.text('')}, ptr {own}")
    slash = f.call("ptr", "strrchr", f"ptr {named}", f"i32 {_SLASH}")
    end, start = (f.value(f"ptrtoint ptr {pointer} to i64") for pointer in (slash, named))
    reach = f.binary("add", f.binary("sub", end, start), 1)
    length = f.value(f"select i1 {f.is_null(slash)}, i64 0, i64 {reach}")
    listed = [f"ptr {beside}", f"i64 {_PATH_BYTES}", library.text("%.*s%s")]
    listed += [
        f"i32 {f.value(f'trunc i64 {length} to i32')}",
        f"ptr {named}",
        library.text(file),
    ]
    f.value(f"call i32 (ptr, i64, ptr, ...) @snprintf({', '.join(listed)})")
    return beside


def _why(f: FunctionText) -> str:
    """What the system says about its last failure."""
    number = f.word(f.call("ptr", "__errno_location"), 0, "i32")
    return f.call("ptr", "strerror", f"i32 {number}")


def _fill() -> FunctionText:
    """Write the addresses of a function's constants into its table."""
    f = FunctionText("internal void @weights.fill", "ptr %table", "ptr %offsets", "i64 %count")
    base = f.value("load ptr, ptr @weights.base")
    with f.rounds("%count") as number:
        place = f.value(f"mul i64 {number}, 8")
        address = f.at(base, f.word("%offsets", place))
        f.put(f"ptr {address}", "%table", place)
    f.leave("ret void")
    return f


def _fill_all(library: Library) -> FunctionText:
    f = FunctionText("internal void @weights.tell")
    for number, table in enumerate(library.tables):
        library.module.parts.append(f"@{table.symbol} = external hidden global ptr")
        offsets = library.module.table(f"weights.offsets.{number}", "i64", table.offsets)
        f.call("void", "weights.fill", f"ptr @{table.symbol}", f"ptr {offsets}", f"i64 {len(table.offsets)}")
    f.leave("ret void")
    return f


def _acquire() -> FunctionText:
    """For one more instance: the first one finds the weights."""
    f = FunctionText("internal i32 @weights.acquire", "ptr %path")
    f.call("i32", "pthread_mutex_lock", "ptr @weights.lock")
    users = f.value("load i64, ptr @weights.users")
    with f.when(f.value(f"icmp eq i64 {users}, 0")):
        status = f.call("i32", "weights.find", "ptr %path")
        with f.when(f.value(f"icmp ne i32 {status}, 0")):
            f.call("i32", "pthread_mutex_unlock", "ptr @weights.lock")
            f.leave(f"ret i32 {status}")
        f.call("void", "weights.tell")
    f.do(f"store i64 {f.binary('add', users, 1)}, ptr @weights.users")
    f.call("i32", "pthread_mutex_unlock", "ptr @weights.lock")
    f.leave("ret i32 0")
    return f


def _release(library: Library) -> FunctionText:
    """For one instance less: the last one takes the map of a file with it."""
    f = FunctionText("internal void @weights.release")
    f.call("i32", "pthread_mutex_lock", "ptr @weights.lock")
    users = f.binary("sub", f.value("load i64, ptr @weights.users"), 1)
    f.do(f"store i64 {users}, ptr @weights.users")
    if library.weights_file is not None:
        with f.when(f.value(f"icmp eq i64 {users}, 0")):
            size = HEADER_BYTES + library.weights_bytes
            there = f.value("load ptr, ptr @weights.map")
            f.call("i32", "munmap", f"ptr {there}", f"i64 {size}")
    f.call("i32", "pthread_mutex_unlock", "ptr @weights.lock")
    f.leave("ret void")
    return f
