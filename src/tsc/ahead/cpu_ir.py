"""Which level a processor has, as functions of a library: CPUID and XCR0 against what each level needs."""

from __future__ import annotations

from tsc.ahead.ir_text import FunctionText
from tsc.ahead.levels import FEATURES, Level
from tsc.ahead.library_text import Library

_ENTRY_BYTES = 32
_CPUID = (
    'call { i32, i32, i32, i32 } asm sideeffect "cpuid", '
    '"={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}"'
)
_XGETBV = (
    'call { i32, i32 } asm sideeffect ".byte 0x0f, 0x01, 0xd0", '
    '"={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}"(i32 0)'
)
_OSXSAVE = 1 << 27


def add_cpu(library: Library) -> None:
    """The functions ``cpu.word``, ``cpu.state``, ``cpu.missing`` and ``cpu.level``."""
    for made in (_word(), _state(), _missing(), _level(library)):
        library.module.add(made)


def _word() -> FunctionText:
    """A register of a leaf; 0 where the processor has no such leaf."""
    f = FunctionText("internal i32 @cpu.word", "i32 %leaf", "i32 %subleaf", "i32 %register")
    base = f.value("and i32 %leaf, -2147483648")
    first = f.value(f"{_CPUID}(i32 {base}, i32 0)")
    last = f.value(f"extractvalue {{ i32, i32, i32, i32 }} {first}, 0")
    with f.when(f.value(f"icmp ult i32 {last}, %leaf")):
        f.leave("ret i32 0")
    told = f.value(f"{_CPUID}(i32 %leaf, i32 %subleaf)")
    registers = f.memory("[4 x i32]")
    f.do(f"store {{ i32, i32, i32, i32 }} {told}, ptr {registers}")
    cell = f.value(f"getelementptr i32, ptr {registers}, i32 %register")
    f.leave(f"ret i32 {f.value(f'load i32, ptr {cell}')}")
    return f


def _state() -> FunctionText:
    """The registers that the system saves: the low half of XCR0."""
    f = FunctionText("internal i32 @cpu.state")
    word = f.call("i32", "cpu.word", "i32 1", "i32 0", "i32 2")
    with f.when(f.compare("eq", f.binary("and", word, _OSXSAVE, "i32"), 0, "i32")):
        f.leave("ret i32 0")
    halves = f.value(_XGETBV)
    low = f.value(f"extractvalue {{ i32, i32 }} {halves}, 0")
    f.leave(f"ret i32 {low}")
    return f


def _missing() -> FunctionText:
    """The name of the first feature in a table that the processor lacks; null: it has all."""
    f = FunctionText("internal ptr @cpu.missing", "ptr %table", "i64 %count")
    state = f.call("i32", "cpu.state")
    with f.rounds("%count") as number:
        entry = f.at("%table", f.binary("mul", number, _ENTRY_BYTES))
        leaf, subleaf, register, bit, saved = (f.word(entry, 4 * i, "i32") for i in range(5))
        word = f.call("i32", "cpu.word", f"i32 {leaf}", f"i32 {subleaf}", f"i32 {register}")
        has = f.binary("and", f.binary("lshr", word, bit, "i32"), 1, "i32")
        lacks = f.compare("eq", has, 0, "i32")
        is_lost = f.compare("ne", f.binary("and", state, saved, "i32"), saved, "i32")
        with f.when(f.binary("or", lacks, is_lost, "i1")):
            f.leave(f"ret ptr {f.word(entry, 24, 'ptr')}")
    f.leave("ret ptr null")
    return f


def _level(library: Library) -> FunctionText:
    """The first level that the processor has; -1, and why, where it has none."""
    f = FunctionText("internal i64 @cpu.level")
    absent = "null"
    for number, level in enumerate(library.levels):
        table = _features(library, number, level)
        absent = f.call("ptr", "cpu.missing", f"ptr {table}", f"i64 {len(level.needs)}")
        with f.when(f.is_null(absent)):
            f.leave(f"ret i64 {number}")
    last = library.levels[-1].name
    library.explain(
        f, f"{library.name}_create: requires a processor of level {last}; got one without %s", f"ptr {absent}"
    )
    f.leave("ret i64 -1")
    return f


def _features(library: Library, number: int, level: Level) -> str:
    """The table of what a level needs."""
    entries: list[str] = []
    for name in level.needs:
        bit = FEATURES[name]
        words = (bit.leaf, bit.subleaf, bit.register, bit.bit, bit.state, 0)
        listed = ", ".join(f"i32 {word - (1 << 32) if word >> 31 else word}" for word in words)
        entries.append(f"{{ {listed}, {library.text(name)} }}")
    kind = "{ i32, i32, i32, i32, i32, i32, ptr }"
    return library.module.table(f"cpu.features.{number}", kind, entries)
