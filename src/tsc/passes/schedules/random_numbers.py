"""Schedule of `random` kernels: numbers of a Mersenne twister, and normally distributed ones made of them, to
the bits of PyTorch's kernels for AVX2.

Sources: Matsumoto and Nishimura, "Mersenne Twister", 1998; ``normal_fill_AVX2``
(aten/src/ATen/native/cpu/DistributionTemplates.h).
"""

import math as numbers
from collections.abc import Callable
from dataclasses import dataclass

from xdsl.dialects import arith, func, math
from xdsl.dialects.builtin import f64, i32, i64
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import EXACT, LoopBuilder
from tsc.dialects.loop_index import Index
from tsc.dialects.tsc_random import (
    HAS_KEPT,
    IS_FRESH,
    KEPT,
    POSITION,
    STREAM_WORDS,
    TWISTER_WORDS,
    RandomBlocksOp,
    RandomDoublesOp,
    RandomOp,
    RandomPairsOp,
    RandomWordsOp,
)
from tsc.errors import CodegenError
from tsc.passes.schedules.flow import as_index, compare, select, select_index
from tsc.passes.schedules.kernel import ScheduleBuilder
from tsc.passes.schedules.normal_blocks import BLOCK, normal_block
from tsc.passes.schedules.vector_numbers import Numbers

AHEAD = 397
"""How far the word is from another that it is renewed with."""
UPPER, LOWER, TWIST = 1 << 31, (1 << 31) - 1, 0x9908B0DF
TEMPERING = ((arith.ShRUIOp, 11, None), (arith.ShLIOp, 7, 0x9D2C5680), (arith.ShLIOp, 15, 0xEFC60000),
             (arith.ShRUIOp, 18, None))  # fmt: skip
Put = Callable[[Index, SSAValue, int], None]
"""Takes some of the words that are drawn: the place of the first, the words, and how many they are."""


def schedule_random(model: KernelModel, target: Target) -> func.FuncOp:
    """One number follows the other, in one thread.

    Raises:
        CodegenError: the kernel is another one.
    """
    kernel = ScheduleBuilder.create(model, target)
    op = model.results[0].owner
    if not isinstance(op, RandomOp):
        raise CodegenError(f"random: requires one operation that draws; got {model.results[0]}")
    made = kernel.memory[op.results[0]].buffer
    twister = Twister.copied(kernel, op)
    count = kernel.builder.index(op.count)
    if isinstance(op, RandomWordsOp):
        twister.draw(count, lambda at, words, _: kernel.builder.store(words, made, at))
    elif isinstance(op, RandomDoublesOp):
        _emit_doubles(kernel.builder, twister, made, count)
    elif isinstance(op, RandomBlocksOp):
        _emit_blocks(kernel.builder, twister, made, count)
    elif isinstance(op, RandomPairsOp):
        _Pairs(kernel.builder, twister, made).emit(count)
    return kernel.finish()


@dataclass(frozen=True)
class Twister:
    """A stream in memory, from which words are drawn."""

    builder: LoopBuilder
    stream: SSAValue
    lanes: int

    @staticmethod
    def copied(kernel: ScheduleBuilder, op: RandomOp) -> "Twister":
        """The stream that `op` leaves, which is that it takes as yet."""
        before, after = (kernel.memory[v].buffer for v in (op.operands[0], op.results[1]))
        lanes = min(kernel.lanes_of(i32), 8)
        with kernel.builder.loop(0, STREAM_WORDS, lanes) as loop:
            kernel.builder.store(kernel.builder.load(before, loop.index, lanes), after, loop.index)
        return Twister(kernel.builder, after, lanes)

    def draw(self, count: Index, put: Put) -> None:
        """The next `count` words."""
        builder = self.builder
        start = self._position()
        stop = start + count
        blocks = (stop + (TWISTER_WORDS - 1)) // TWISTER_WORDS
        with builder.loop(0, blocks) as loop:
            is_first = builder.compare("eq", loop.index, 0)
            with builder.branch(builder.compare("ne", loop.index, 0)):
                self.renew()
            first = select_index(builder, is_first, start, builder.index(0))
            before = loop.index * TWISTER_WORDS
            last = (stop - before).minimum(TWISTER_WORDS)
            middle = first + (last - first) // self.lanes * self.lanes
            for begin, end, lanes in ((first, middle, self.lanes), (middle, last, 1)):
                with builder.loop(begin, end, lanes) as words:
                    word = self._tempered(builder.load(self.stream, words.index, lanes))
                    put(words.index + before - start, word, lanes)
        self._put(stop - (blocks - 1) * TWISTER_WORDS, POSITION)
        self._touch(count)

    def word(self) -> SSAValue:
        """The next word."""
        builder = self.builder
        with builder.branch(builder.compare("eq", self._position(), TWISTER_WORDS)):
            self.renew()
            self._put(builder.index(0), POSITION)
        at = self._position()
        self._put(at + 1, POSITION)
        return self._tempered(builder.load(self.stream, at))

    def renew(self) -> None:
        """All words anew, each of its own, the next one, and one further on."""
        for first, last, distance in (
            (0, TWISTER_WORDS - AHEAD, AHEAD),
            (TWISTER_WORDS - AHEAD, TWISTER_WORDS - 1, AHEAD - TWISTER_WORDS),
        ):
            middle = first + (last - first) // self.lanes * self.lanes
            for begin, end, lanes in ((first, middle, self.lanes), (middle, last, 1)):
                with self.builder.loop(begin, end, lanes) as loop:
                    self._renew(loop.index, loop.index + 1, loop.index + distance, lanes)
        last_word = self.builder.index(TWISTER_WORDS - 1)
        self._renew(last_word, self.builder.index(0), self.builder.index(AHEAD - 1), 1)

    def _renew(self, at: Index, following: Index, other: Index, lanes: int) -> None:
        n, load = Numbers(self.builder, lanes), self.builder.load
        word = n.either(
            n.both(load(self.stream, at, lanes), n.integer(UPPER)),
            n.both(load(self.stream, following, lanes), n.integer(LOWER)),
        )
        is_odd = n.both(word, n.integer(1))
        twist = n.both(n.of(arith.SubiOp, n.integer(0), is_odd), n.integer(TWIST))
        half = n.of(arith.ShRUIOp, word, n.integer(1))
        made = n.differing(n.differing(load(self.stream, other, lanes), half), twist)
        self.builder.store(made, self.stream, at)

    def _tempered(self, word: SSAValue) -> SSAValue:
        n = Numbers.like(self.builder, word)
        for shift, distance, mask in TEMPERING:
            moved = n.of(shift, word, n.integer(distance))
            word = n.differing(word, moved if mask is None else n.both(moved, n.integer(mask)))
        return word

    def _position(self) -> Index:
        return as_index(self.builder, self.builder.load(self.stream, self.builder.index(POSITION)))

    def _put(self, number: Index, at: int) -> None:
        value = self.builder.add(arith.IndexCastOp(number.ssa, i32))
        self.builder.store(value, self.stream, self.builder.index(at))

    def _touch(self, count: Index) -> None:
        """Nothing was drawn of what is fresh."""
        builder, at = self.builder, self.builder.index(IS_FRESH)
        is_empty = builder.compare("eq", count, 0)
        builder.store(
            select(builder, is_empty, builder.load(self.stream, at), builder.zero(i32)), self.stream, at
        )


# --- uniform numbers of two words ---

DOUBLES = 128
"""Numbers whose words are drawn at one time."""


def _emit_doubles(builder: LoopBuilder, twister: Twister, made: SSAValue, count: Index) -> None:
    """The words of some numbers, and then those; and so on."""
    words = builder.scratch(i32, 2 * DOUBLES)
    lanes = twister.lanes // 2
    with builder.loop(0, count, DOUBLES) as loop:
        some = (count - loop.index).minimum(DOUBLES)
        twister.draw(some * 2, lambda at, drawn, _: builder.store(drawn, words, at))
        whole = some // lanes * lanes
        for begin, end, width in ((builder.index(0), whole, lanes), (whole, some, 1)):
            with builder.loop(begin, end, width) as numbers:
                unit = _doubles(builder, words, numbers.index * 2, width)
                builder.store(unit, made, loop.index + numbers.index)


def _doubles(builder: LoopBuilder, words: SSAValue, at: Index, lanes: int) -> SSAValue:
    """So many numbers in ``[0, 1)``, of the words from a place on."""
    if lanes == 1:
        upper, lower = (builder.load(words, at + i) for i in range(2))
    else:
        pairs = builder.load(words, at, 2 * lanes)
        upper, lower = (builder.shuffle(pairs, pairs, range(i, 2 * lanes, 2)) for i in range(2))
    n = Numbers(builder, lanes)
    upper, lower = (n.cast(arith.ExtUIOp, word, i64) for word in (n.both(upper, n.integer(2**21 - 1)), lower))
    bits = n.either(n.of(arith.ShLIOp, upper, n.constant(32, i64)), lower)
    return n.times(n.cast(arith.SIToFPOp, bits, f64), n.constant(2.0**-53, f64))


# --- normally distributed numbers ---


def _emit_blocks(builder: LoopBuilder, twister: Twister, made: SSAValue, count: Index) -> None:
    """Numbers in ``[0, 1)`` in the place of the results, which then become those."""

    def put(at: Index, words: SSAValue, lanes: int) -> None:
        builder.store(Numbers(builder, lanes).unit(words), made, at)

    def put_again(at: Index, words: SSAValue, lanes: int) -> None:
        put(count - BLOCK + at, words, lanes)

    twister.draw(count, put)
    whole = count // BLOCK * BLOCK
    with builder.loop(0, whole, BLOCK) as loop:
        normal_block(builder, made, loop.index)
    if whole.known is None or whole.known != count.known:
        with builder.branch(builder.compare("ne", whole, count)):
            twister.draw(builder.index(BLOCK), put_again)
            normal_block(builder, made, count - BLOCK)


@dataclass(frozen=True)
class _Pairs:
    """Normally distributed float64, one after the other."""

    builder: LoopBuilder
    twister: Twister
    made: SSAValue

    def emit(self, count: Index) -> None:
        """Take the one that is kept, or make two, of which one is kept."""
        builder = self.builder
        with builder.loop(0, count) as loop:
            has_kept = builder.load(self.twister.stream, builder.index(HAS_KEPT))
            is_kept = compare(builder, "ne", has_kept, builder.zero(i32))
            with builder.branch(is_kept) as branch:
                builder.store(self._kept(), self.made, loop.index)
                self._say(False)
            with builder.otherwise(branch):
                self._make(loop.index)
                self._say(True)

    def _make(self, at: Index) -> None:
        builder = self.builder
        words = builder.scratch(i32, 4)
        with builder.loop(0, 4) as loop:
            builder.store(self.twister.word(), words, loop.index)
        builder.store(builder.zero(i32), self.twister.stream, builder.index(IS_FRESH))
        first, second = (_doubles(builder, words, builder.index(place), 1) for place in (0, 2))
        logarithm = self._function(math.Log1pOp, builder.add(arith.NegfOp(second, EXACT)))
        doubled = builder.binary(arith.MulfOp, builder.number(-2.0, f64), logarithm)
        radius = self._function(math.SqrtOp, doubled)
        angle = builder.binary(arith.MulfOp, builder.number(2 * numbers.pi, f64), first)
        cos, sin = (self._function(kind, angle) for kind in (math.CosOp, math.SinOp))
        builder.store(builder.binary(arith.MulfOp, radius, cos), self.made, at)
        self._keep(builder.binary(arith.MulfOp, radius, sin))

    def _kept(self) -> SSAValue:
        words = [self.builder.load(self.twister.stream, self.builder.index(KEPT + i)) for i in range(2)]
        lower, upper = (self.builder.add(arith.ExtUIOp(word, i64)) for word in words)
        moved = self.builder.binary(arith.ShLIOp, upper, self.builder.number(32, i64))
        bits = self.builder.binary(arith.OrIOp, moved, lower)
        return self.builder.add(arith.BitcastOp(bits, f64))

    def _keep(self, value: SSAValue) -> None:
        builder = self.builder
        bits = builder.add(arith.BitcastOp(value, i64))
        upper = builder.binary(arith.ShRUIOp, bits, builder.number(32, i64))
        for place, half in enumerate((bits, upper)):
            word = builder.add(arith.TruncIOp(half, i32))
            builder.store(word, self.twister.stream, builder.index(KEPT + place))

    def _say(self, has_kept: bool) -> None:
        value = self.builder.number(has_kept, i32)
        self.builder.store(value, self.twister.stream, self.builder.index(HAS_KEPT))

    def _function(self, kind: type[Operation], value: SSAValue) -> SSAValue:
        kinds: list[Attribute] = [value.type]
        return self.builder.add(
            kind.create(operands=[value], result_types=kinds, properties={"fastmath": EXACT})
        )
