"""The parts of a library's own code that all functions of it use: its names, and how one fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsc.ahead.ir_text import FunctionText, ModuleText
from tsc.ahead.layout import Status
from tsc.ahead.levels import Level
from tsc.ahead.plan import Cell, MethodPlan

ERROR_BYTES = 1024
"""The longest error text."""
_C_FUNCTIONS = (
    ("ptr", "aligned_alloc", "i64, i64"), ("void", "free", "ptr"), ("ptr", "calloc", "i64, i64"),
    ("ptr", "memcpy", "ptr, ptr, i64"), ("ptr", "memset", "ptr, i32, i64"),
    ("i32", "memcmp", "ptr, ptr, i64"),
    ("i32", "snprintf", "ptr, i64, ptr, ..."), ("i32", "getpid", ""), ("ptr", "strerror", "i32"),
    ("ptr", "__errno_location", ""), ("ptr", "strrchr", "ptr, i32"), ("i32", "dladdr", "ptr, ptr"),
    ("i32", "open", "ptr, i32, ..."), ("i32", "close", "i32"), ("i64", "lseek", "i32, i64, i32"),
    ("ptr", "mmap", "ptr, i64, i32, i32, i32, i64"), ("i32", "munmap", "ptr, i64"),
    ("i32", "pthread_mutex_lock", "ptr"), ("i32", "pthread_mutex_unlock", "ptr"),
    ("i32", "pthread_create", "ptr, ptr, ptr, ptr"), ("i32", "pthread_join", "i64, ptr"),
    ("i32", "pthread_sigmask", "i32, ptr, ptr"), ("i32", "clock_gettime", "i32, ptr"),
    ("i32", "sched_getaffinity", "i32, i64, ptr"),
)  # fmt: skip
"""What of the C library a library uses: result, name, arguments."""


@dataclass(frozen=True)
class TableOfConstants:
    """The constants of one function's code."""

    symbol: str
    """Its table, which the library fills."""
    offsets: Sequence[int]
    """Where each lies in the block of weights."""


@dataclass
class Library:
    """What a library is made of, while its own code is written."""

    name: str
    module: ModuleText
    levels: Sequence[Level]
    methods: Sequence[MethodPlan]
    cells: Sequence[Cell]
    initial: Sequence[int]
    """Where the first value of each cell lies in the block of weights."""
    tables: Sequence[TableOfConstants]
    weights_bytes: int
    weights_file: str | None
    """The file beside the library that holds them; None, where they are inside."""
    weights_header: bytes
    most_dims: int

    def declare(self) -> None:
        """Declare what is used of the C library, and the text of the last error, one for each thread."""
        for result, name, arguments in _C_FUNCTIONS:
            self.module.declare(result, name, arguments)
        self.module.parts.append(
            f"@error.text = internal thread_local global [{ERROR_BYTES} x i8] zeroinitializer"
        )

    def exported(self, result: str, name: str, *parameters: str) -> FunctionText:
        """A function that callers see: ``{library}_{name}``."""
        return FunctionText(f"{result} @{self.name}_{name}", *parameters)

    def text(self, text: str | bytes) -> str:
        """The address of a text."""
        return f"ptr {self.module.string(text)}"

    def explain(self, function: FunctionText, pattern: str, *arguments: str) -> None:
        """Set the text of the last error, as `printf` does."""
        listed = ", ".join(["ptr @error.text", f"i64 {ERROR_BYTES}", self.text(pattern), *arguments])
        function.value(f"call i32 (ptr, i64, ptr, ...) @snprintf({listed})")

    def fail(self, function: FunctionText, status: Status, pattern: str, *arguments: str) -> None:
        """Leave a function with an error."""
        self.explain(function, pattern, *arguments)
        function.leave(f"ret i32 {int(status)}")


def pass_on(function: FunctionText, status: str) -> None:
    """Leave a function where a call in it gave an error."""
    with function.when(function.value(f"icmp ne i32 {status}, 0")):
        function.leave(f"ret i32 {status}")
