"""Calls of a method, as functions of a library: ``run`` and ``shapes``."""

from __future__ import annotations

from collections.abc import Sequence

from tsc.ahead import layout
from tsc.ahead.instance_ir import enter, leave, require_instance
from tsc.ahead.ir_text import FunctionText
from tsc.ahead.layout import Status
from tsc.ahead.library_text import Library, pass_on
from tsc.ahead.plan import Computed, Given, MethodPlan, Move, Size, TensorSpec, ToCell, ToInput, ToResult
from tsc.ahead.results_ir import copy_result, size_value
from tsc.runtime.entry_ir import SIZES_WORDS

_PARAMETERS = ("ptr %instance", "ptr %inputs", "i64 %input_count", "ptr %outputs", "i64 %output_count")


def main_symbol(method: str, level: int) -> str:
    """The code of a method for a level, by number."""
    return f"{method}.{level}"


def add_calls(library: Library, method: MethodPlan, arenas: Sequence[int]) -> None:
    """The functions ``run_{method}`` and ``shapes_{method}``; `arenas` are the bytes of scratch memory for
    each level, where sizes are known.
    """
    for number in range(len(library.levels)):
        symbol = main_symbol(method.name, number)
        library.module.parts.append(f'declare hidden void @"{symbol}"(ptr, ptr, ptr)')
        if method.symbols:
            library.module.parts.append(f'declare hidden void @"{symbol}.sizes"(ptr, ptr, ptr)')
    for made in (
        _Call(library, method, arenas, "run").compute(),
        _run(library, method),
        _Call(library, method, arenas, "shapes").tell(),
    ):
        library.module.add(made)


def _run(library: Library, method: MethodPlan) -> FunctionText:
    what = f"{library.name}_run_{method.name}"
    f = library.exported("i32", f"run_{method.name}", *_PARAMETERS)
    require_instance(library, f, what)
    enter(library, f, what)
    passed = [p.rpartition(" ") for p in _PARAMETERS]
    status = f.call("i32", f"compute.{method.name}", *(f"{kind} {name}" for kind, _, name in passed))
    leave(f)
    f.leave(f"ret i32 {status}")
    return f


class _Call:
    """One function that is given the tensors of a call."""

    def __init__(self, library: Library, method: MethodPlan, arenas: Sequence[int], verb: str) -> None:
        self.library = library
        self.method = method
        self.arenas = arenas
        self.what = f"{library.name}_{verb}_{method.name}"
        self.tensor_bytes = layout.tensor_bytes(library.most_dims)
        self.found = ""
        """What the function of sizes has written."""
        if verb == "run":
            self.f = FunctionText(f"internal i32 @compute.{method.name}", *_PARAMETERS)
        else:
            self.f = library.exported("i32", f"shapes_{method.name}", *_PARAMETERS, "ptr %bytes")

    # --- what both do ---

    def _tensor(self, table: str, number: int) -> str:
        return self.f.at(table, number * self.tensor_bytes)

    def _by_level(self, kind: str, name: str, items: Sequence[object]) -> str:
        """The item of a table for the level of the instance."""
        table = self.library.module.table(f"{self.what}.{name}", kind, items)
        place = self.f.binary("mul", self.f.word("%instance", layout.LEVEL), 8)
        return self.f.word(table, place, kind)

    def _check_counts(self) -> None:
        method = self.method
        for what, table, wanted in (
            ("input", "%inputs", len(method.inputs)),
            ("output", "%outputs", len(method.results)),
        ):
            count = f"%{what}_count"
            with self.f.when(self.f.compare("ne", count, wanted)):
                text = f"{self.what}: requires {wanted} {what}s; got %lld"
                self.library.fail(self.f, Status.ARGUMENT, text, f"i64 {count}")
            if wanted:
                with self.f.when(self.f.is_null(table)):
                    self.library.fail(self.f, Status.ARGUMENT, f"{self.what}: requires {what}s; got none")

    def _check(self, tensor: str, spec: TensorSpec, dims: str, *, has_data: bool) -> None:
        code, item = spec.dtype.code, spec.dtype.numpy.alignment
        name = self.library.text(f"{self.what}: {spec.name}")
        status = self.f.call(
            "i32", "check.tensor", f"ptr {tensor}", name, f"i32 {code}", f"i64 {item}",
            f"i64 {len(spec.shape)}", f"ptr {dims}", f"i1 {str(has_data).lower()}",
        )  # fmt: skip
        pass_on(self.f, status)

    def _check_inputs(self, *, has_data: bool) -> None:
        for number, spec in enumerate(self.method.inputs):
            wanted = [size if isinstance(size, int) else -1 for size in spec.shape]
            dims = self.library.module.table(f"{self.what}.input.{number}", "i64", wanted)
            self._check(self._tensor("%inputs", number), spec, dims, has_data=has_data)

    def _find_sizes(self) -> None:
        """Ask the code what symbolic sizes are, and whether it is for such a call."""
        if not self.method.symbols:
            return
        f, method = self.f, self.method
        given = [size for number in range(len(method.inputs)) for size in self._input_sizes(number)]
        cells = [self.library.cells[number].initial.shape for number in method.cells]
        given += [str(size) for shape in cells for size in shape]
        sizes = f.memory(f"[{max(1, len(given))} x i64]")
        for place, size in enumerate(given):
            f.put(f"i64 {size}", sizes, 8 * place)
        made = sum(len(spec.shape) for spec in method.computed)
        self.found = f.memory(f"[{SIZES_WORDS + method.symbols + made} x i64]")
        tables = [f.memory("ptr"), f.memory("ptr")]
        f.put(f"ptr {sizes}", tables[0])
        f.put(f"ptr {self.found}", tables[1])
        symbols = [f'@"{main_symbol(method.name, n)}.sizes"' for n in range(len(self.library.levels))]
        function = self._by_level("ptr", "sizes", symbols)
        f.do(f"call void {function}(ptr {tables[0]}, ptr {tables[1]}, ptr null)")
        with f.when(f.compare("eq", f.word(self.found), 0)):
            wanted = self.library.text(required_sizes(method))
            self.library.fail(f, Status.SHAPE, f"{self.what}: requires %s; got others", wanted)

    def _input_sizes(self, number: int) -> list[str]:
        tensor = self._tensor("%inputs", number)
        count = len(self.method.inputs[number].shape)
        return [self.f.word(tensor, layout.SIZES + 8 * dim) for dim in range(count)]

    def _computed_sizes(self, number: int) -> list[str]:
        shape = self.method.computed[number].shape
        first = SIZES_WORDS + self.method.symbols
        first += sum(len(spec.shape) for spec in self.method.computed[:number])
        return [
            str(n) if isinstance(n, int) else self.f.word(self.found, 8 * (first + i))
            for i, n in enumerate(shape)
        ]

    def _sizes(self, move: Move) -> list[str]:
        """The sizes of a result in this call."""
        if move.spec.is_static:
            return [str(size) for size in move.spec.shape]
        base = move.source.base
        if isinstance(base, Computed):
            return self._computed_sizes(base.number)
        assert isinstance(base, Given)
        return self._input_sizes(base.number)

    def _bytes(self, spec: TensorSpec, sizes: Sequence[str]) -> str:
        result = str(spec.dtype.size_bytes)
        for size in sizes:
            result = self.f.binary("mul", result, size)
        return result

    def _scratch(self) -> list[int]:
        """The computed tensors that lie in scratch memory."""
        placed = self.method.places()
        return [number for number in range(len(self.method.computed)) if number not in placed]

    def _needed(self) -> tuple[str, list[str]]:
        """The bytes of scratch memory, and where in it each tensor lies that does."""
        f = self.f
        arena = f.word(self.found, 8) if self.method.symbols else self._by_level("i64", "arenas", self.arenas)
        total = self._rounded(arena)
        places: list[str] = []
        for number in self._scratch():
            places.append(total)
            size = self._bytes(self.method.computed[number], self._computed_sizes(number))
            total = f.binary("add", total, self._rounded(size))
        return total, places

    def _rounded(self, size: str) -> str:
        return self.f.binary("and", self.f.binary("add", size, 63), -64)

    # --- shapes ---

    def tell(self) -> FunctionText:
        """What the results of a call would be."""
        f = self.f
        require_instance(self.library, f, self.what)
        self._check_counts()
        self._check_inputs(has_data=False)
        self._find_sizes()
        results = [move for move in self.method.moves if isinstance(move.place, ToResult)]
        for number, move in enumerate(results):
            tensor = self._tensor("%outputs", number)
            f.put(f"i32 {move.spec.dtype.code}", tensor, layout.DTYPE)
            f.put(f"i32 {len(move.spec.shape)}", tensor, layout.NDIM)
            for dim, size in enumerate(self._sizes(move)):
                f.put(f"i64 {size}", tensor, layout.SIZES + 8 * dim)
        with f.when(f.value("icmp ne ptr %bytes, null")):
            f.put(f"i64 {self._needed()[0]}", "%bytes")
        f.leave("ret i32 0")
        return f

    # --- run ---

    def compute(self) -> FunctionText:
        """A call."""
        f = self.f
        self._check_counts()
        self._check_inputs(has_data=True)
        self._find_sizes()
        self._check_outputs()
        self._require_apart()
        total, places = self._needed()
        memory = f.call("ptr", "memory.reserve", "ptr %instance", f"i64 {total}")
        missing = f.binary("and", f.is_null(memory), f.compare("ne", total, 0), "i1")
        with f.when(missing):
            text = f"{self.what}: requires %lld bytes of scratch memory; the system gives no more"
            self.library.fail(f, Status.MEMORY, text, f"i64 {total}")
        given, computed = self._given(), self._places(memory, places)
        self._call(given, computed, memory)
        if self.method.is_checked:
            with f.when(f.compare("ne", f.word(computed[-1], 0, "i8"), 0, "i8")):
                text = f"{self.what}: an index in the data is out of range, or the program refuses the data"
                self.library.fail(f, Status.DATA, text)
        self._finish(given, computed)
        f.leave("ret i32 0")
        return f

    def _check_outputs(self) -> None:
        f = self.f
        for number, move in enumerate(m for m in self.method.moves if isinstance(m.place, ToResult)):
            dims = f.memory(f"[{max(1, len(move.spec.shape))} x i64]")
            for place, size in enumerate(self._sizes(move)):
                f.put(f"i64 {size}", dims, 8 * place)
            self._check(self._tensor("%outputs", number), move.spec, dims, has_data=True)

    def _require_apart(self) -> None:
        """No result lies in an input or another result."""
        f, method = self.f, self.method
        results = [move for move in method.moves if isinstance(move.place, ToResult)]
        names = [spec.name for spec in (*method.inputs, *method.results)]
        count = len(names)
        starts, sizes = f.memory(f"[{max(1, count)} x i64]"), f.memory(f"[{max(1, count)} x i64]")
        for place in range(count):
            number = place - len(method.inputs)
            tensor = self._tensor("%inputs", place) if number < 0 else self._tensor("%outputs", number)
            listed = self._input_sizes(place) if number < 0 else self._sizes(results[number])
            spec = method.inputs[place] if number < 0 else results[number].spec
            f.put(f"i64 {f.word(tensor, layout.DATA)}", starts, 8 * place)
            f.put(f"i64 {self._bytes(spec, listed)}", sizes, 8 * place)
        writes = [int(n in method.written or n >= len(method.inputs)) for n in range(count)]
        flags = self.library.module.table(f"{self.what}.writes", "i8", writes)
        texts = [self.library.module.string(name) for name in names]
        table = self.library.module.table(f"{self.what}.names", "ptr", texts)
        met = f.call("i64", "check.overlap", f"ptr {starts}", f"ptr {sizes}", f"ptr {flags}", f"i64 {count}")
        with f.when(f.compare("sge", met, 0)):
            name = f.word(table, f.binary("mul", met, 8), "ptr")
            text = f"{self.what}: %s: requires memory of its own; got some that another tensor lies in"
            self.library.fail(f, Status.MEMORY_OVERLAP, text, f"ptr {name}")

    def _given(self) -> list[str]:
        """Where what the code takes lies."""
        f = self.f
        inputs = [
            f.word(self._tensor("%inputs", n), layout.DATA, "ptr") for n in range(len(self.method.inputs))
        ]
        return inputs + [f.word("%instance", layout.current(number), "ptr") for number in self.method.cells]

    def _places(self, memory: str, scratch: Sequence[str]) -> list[str]:
        """Where what the code gives lies."""
        placed, left = self.method.places(), iter(scratch)
        return [
            self._place(placed[number]) if number in placed else self.f.at(memory, next(left))
            for number in range(len(self.method.computed))
        ]

    def _place(self, move: Move) -> str:
        """Where a result goes."""
        place = move.place
        if isinstance(place, ToCell):
            return self.f.word("%instance", layout.following(place.cell), "ptr")
        table = "%inputs" if isinstance(place, ToInput) else "%outputs"
        return self.f.word(self._tensor(table, place.number), layout.DATA, "ptr")

    def _call(self, given: Sequence[str], computed: Sequence[str], memory: str) -> None:
        f = self.f
        takes = [*given, f.at(self.found, 8 * SIZES_WORDS)] if self.method.symbols else [*given]
        tables: list[str] = []
        for pointers in (takes, computed):
            table = f.memory(f"[{max(1, len(pointers))} x ptr]")
            tables.append(table)
            for place, pointer in enumerate(pointers):
                f.put(f"ptr {pointer}", table, 8 * place)
        symbols = [f'@"{main_symbol(self.method.name, n)}"' for n in range(len(self.library.levels))]
        function = self._by_level("ptr", "code", symbols)
        is_parallel = f.compare("sgt", f.word("%instance", layout.WORKERS), 0)
        f.do(f"store ptr {f.value(f'select i1 {is_parallel}, ptr %instance, ptr null')}, ptr @tsc_pool")
        f.do(f"call void {function}(ptr {tables[0]}, ptr {tables[1]}, ptr {memory})")
        f.do("store ptr null, ptr @tsc_pool")

    def _finish(self, given: Sequence[str], computed: Sequence[str]) -> None:
        """Bring what does not lie where it goes there; inputs are written when all else is read."""
        direct = set(self.method.places().values())
        moves = sorted(self.method.moves, key=lambda move: isinstance(move.place, ToInput))
        for move in moves:
            if move not in direct:
                self._bring(move, given, computed)
        for move in moves:
            if isinstance(move.place, ToCell):
                places = layout.current(move.place.cell), layout.following(move.place.cell)
                old, new = (self.f.word("%instance", place, "ptr") for place in places)
                self.f.put(f"ptr {new}", "%instance", places[0])
                self.f.put(f"ptr {old}", "%instance", places[1])

    def _bring(self, move: Move, given: Sequence[str], computed: Sequence[str]) -> None:
        """Bring one result where it goes."""
        base, to = move.source.base, self._place(move)
        if isinstance(base, Size):
            number = size_value(self.f, base.words, lambda place: self._input_sizes(place[0])[place[1]])
            self.f.put(f"i64 {number}", to)
            return
        size = self._bytes(move.spec, self._sizes(move))
        copy_result(self.library, self.f, move, to, size, given, computed)


def required_sizes(method: MethodPlan) -> str:
    """What sizes of the arguments there must be, in words: ``x: [batch, 3], where batch >= 2``."""
    shapes = [f"{spec.name}: {shape_text(method, spec)}" for spec in method.inputs]
    where = f", where {', '.join(method.conditions)}" if method.conditions else ""
    return f"{', '.join(shapes)}{where}, with sizes of at least 1"


def shape_text(method: MethodPlan, spec: TensorSpec) -> str:
    """``[batch, 3, 224]``."""
    return f"[{', '.join(method.in_words(size) for size in spec.shape)}]"
