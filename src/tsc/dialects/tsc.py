"""The `tsc` dialect: what others have no word for: fusion groups, the memory of arguments, and writing where
data says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from xdsl.dialects.builtin import IntegerAttr, StringAttr, UnitAttr, i64
from xdsl.ir import Attribute, Block, Dialect, Region, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from tsc.dialects.sized import dim_attribute
from tsc.dialects.torch_base import DefaultFormatOp, YieldingOp, parse_function_type
from tsc.dialects.torch_ops import TorchOp, parse_operand_list
from tsc.dialects.tsc_fourier import FourierOp
from tsc.dialects.tsc_matrices import CholeskyOp, ExchangeRowsOp, LuOp, TriangularSolveOp
from tsc.dialects.tsc_order import OrderStatisticOp, SortOp, TopKOp
from tsc.dialects.tsc_places import PlacesOp
from tsc.dialects.tsc_random import RandomBlocksOp, RandomDoublesOp, RandomPairsOp, RandomWordsOp
from tsc.dims import Dim

RESULT = "tsc.result"
"""The attribute of functions that return their tensors one by one: how the result is made of those."""
ROW_MAJOR = "tsc.row_major"
"""The attribute of functions whose results are row-major in PyTorch when all arguments are."""
KEEPS_ORDER = "tsc.keeps_order"
"""The attribute of functions in which what is computed in the place of written memory may lie otherwise than
that does."""
ORDERED_BY_SIZES = "tsc.ordered_by_sizes"
"""The attribute of functions whose results are not: the order of their dims may depend on sizes."""
LIES_OTHERWISE = "tsc.lies_otherwise"
"""The attribute of operations whose results lie in memory as those of the operators they are a part of, which
may not be as their own definitions say."""
WRITTEN = "tsc.written"
"""The attribute of functions over values that write to arguments: the numbers of those. What is in each
afterwards is a further result; once results are returned one by one, `CONTENTS` says which."""
CONTENTS = "tsc.contents"
FOUND = "tsc.found"
"""The attribute of functions that find sizes, and return tensors that are as large: which, and their shapes
in words."""
TAKEN, ASSIGNED = "tsc.taken", "tsc.assigned"
"""The attributes of functions that were lifted out of an object: the paths of those attributes of the object
that are the last arguments, and of those that are assigned the last parts of the result."""
GENERATOR = "<default generator>"
"""The path of the default generator, an object whose attribute is the stream of random bits."""
DRAWS = "tsc.draws"
"""The attribute of functions that draw random numbers from that stream, in the order in which elements lie in
memory, if all arguments are row-major."""
FOLDED = "tsc.folded"
"""The attribute of functions of modules that are not frozen: the paths of attributes that are constants
nevertheless, as long as the object holds the same."""

DISTINCT = "tsc.distinct"
"""The attribute of functions that names the arguments no two of which are one tensor."""
HAD_MODES = "tsc.had_modes"
"""The attribute of functions that set whether gradients are recorded, which nothing in them depends on."""
UNRECORDED_WRITE = "tsc.unrecorded_write"
"""The attribute of operations that write while no gradients are recorded; and of functions in which something
so written has gradients, which stay as they were."""
SEEDS = "tsc.seeds"
"""The attribute of functions that also give gradients: how many gradients of results are their last
arguments. `SOUGHT` says of which arguments the gradients are the last results."""
SOUGHT = "tsc.sought"
SOUGHT_OF_SOME = "tsc.sought_of_some"
"""The same of the gradients that flow from some of the results only, where not all are given."""
SAVED = "tsc.saved"
"""The attribute of the forward half of such a function: how many tensors are given beside its result: those
that gradients flow from (`FLOWING`), and those that the backward half reads."""
FLOWING = "tsc.flowing"
READS = "tsc.reads"
"""The attribute of the backward half: what its arguments are, by number: the arguments of the function, the
gradients of its results, and what the forward half has saved, one after the other."""


class MemoryOp(DefaultFormatOp):
    """``tsc.memory %x : (T) -> T``: an argument itself, whatever is in it: what of a result is, or is a view
    of, an argument. Without it a value says what the elements are, and not whose memory they lie in.

    With the attribute `view` it is another tensor with that memory, whatever becomes of the views taken of
    it.
    """

    name = "tsc.memory"
    trait_list = (Pure(),)

    @classmethod
    def of(cls, argument: SSAValue, *, is_view: bool) -> Self:
        """The memory of `argument`."""
        attributes = {"view": UnitAttr()} if is_view else {}
        return cls.create(operands=[argument], result_types=[argument.type], attributes=attributes)

    @property
    def is_view(self) -> bool:
        """Whether the program takes views of it, and does not give back the argument itself."""
        return "view" in self.attributes


class PrefixOp(DefaultFormatOp):
    """``tsc.prefix %x, %n {dim = 1} : (T, !torch.int) -> !torch.tensor``: the first `n` places of a dim, as a
    row-major tensor of its own. How many they are is known when the program has run.
    """

    name = "tsc.prefix"
    trait_list = (Pure(),)

    @classmethod
    def of(cls, source: SSAValue, count: SSAValue, dim: int, result: Attribute) -> Self:
        """The first `count` places of `source` in a dim."""
        attributes = {"dim": IntegerAttr(dim, i64)}
        return cls.create(operands=[source, count], result_types=[result], attributes=attributes)

    @property
    def dim(self) -> int:
        """The dim that is cut off."""
        attribute = self.attributes["dim"]
        assert isinstance(attribute, IntegerAttr)
        return attribute.value.data


class FindSizeOp(DefaultFormatOp):
    """``tsc.find_size %n {size = u0} : (!torch.vtensor<[],si64>) -> ()``: the number that a tensor holds is
    a size from here on: `size` is its symbol.
    """

    name = "tsc.find_size"

    @classmethod
    def of(cls, number: SSAValue, size: Dim) -> Self:
        """`size` is the number in a tensor."""
        return cls.create(operands=[number], attributes={"size": dim_attribute(size)})

    @property
    def size(self) -> Any:
        """The symbol, a `Dim`."""
        return self.attributes["size"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


class RequireOp(DefaultFormatOp):
    """``tsc.require %c : (!torch.bool) -> ()``: what was compiled holds only where this is true; other calls
    run in the generic tier, from the beginning.
    """

    name = "tsc.require"


class ComputedOp(DefaultFormatOp):
    """``tsc.computed %a : T``: the program computes this, though what it gives is overwritten before anyone
    reads it: what is wrong with it is found. Nothing is done.
    """

    name = "tsc.computed"


class YieldOp(YieldingOp):
    """``tsc.yield %a : T``: the results of a group."""

    name = "tsc.yield"


class GroupOp(TorchOp):
    """``tsc.group "kind" (%a, %b) { ^bb0(%x: A, %y: B): ... tsc.yield } : (A, B) -> R``: operators that
    become one kernel.

    The region sees only its arguments: what the group reads is what its operands say.
    """

    name = "tsc.group"
    trait_list = (Pure(),)

    @classmethod
    def make(cls, kind: str, operands: Sequence[SSAValue], results: Sequence[Attribute], body: Block) -> Self:
        """A group of the kind named in `docs/architecture.md` with the given body."""
        return cls.create(
            operands=operands,
            result_types=results,
            attributes={"kind": StringAttr(kind)},
            regions=[Region(body)],
        )

    @property
    def kind(self) -> str:
        """How the group is scheduled: ``pointwise``, ``row``, ``contraction``, ``window``, ``concat``."""
        attribute = self.attributes["kind"]
        assert isinstance(attribute, StringAttr)
        return attribute.data

    @property
    def body(self) -> Block:
        """The operators."""
        return self.regions[0].block

    def print(self, printer: Printer) -> None:
        """Print the kind, the operands, the body and the signature."""
        printer.print_string(f' "{self.kind}" (')
        printer.print_list(self.operands, printer.print_ssa_value)
        printer.print_string(") ")
        printer.print_region(self.regions[0])
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse the kind, the operands, the body and the signature."""
        kind = parser.parse_str_literal()
        with parser.in_parens():
            unresolved = parse_operand_list(parser)
        region = parser.parse_region()
        parser.parse_punctuation(":")
        signature = parse_function_type(parser)
        operands = parser.resolve_operands(unresolved, signature.inputs.data, parser.pos)
        attributes: dict[str, Attribute] = {"kind": StringAttr(kind)}
        return cls.create(
            operands=operands,
            result_types=signature.outputs.data,
            attributes=attributes,
            regions=[region],
        )


class RemainderOp(TorchOp):
    """``%r = "tsc.remainder"(%a, %b)``: of numbers, or vectors, of floats, what is left of `a` where `b` is
    taken from it as often as it goes toward zero, exactly: C's ``fmod``.
    """

    name = "tsc.remainder"
    trait_list = (Pure(),)


class ScatterOp(TorchOp):
    """``%r = "tsc.scatter"(%base, %positions, %values) ({ ^bb0(%now: E, %v: V): ... tsc.yield %new })`` is
    `base` after writes, one after the other.

    ``(tensor<BxNxSxE>, tensor<BxMxi64>, tensor<BxMxSxV>) -> tensor<BxNxSxE>``: for each ``b`` and each ``m``
    in order, the element ``now = r[b, positions[b, m], s]`` becomes what the region makes of it and of
    ``values[b, m, s]``. Dims of `positions` and `values` may also be 1. A position outside ``[0, N)`` stands
    for the nearest inside.
    """

    name = "tsc.scatter"
    trait_list = (Pure(),)

    @classmethod
    def of(cls, base: SSAValue, positions: SSAValue, values: SSAValue, body: Block) -> Self:
        """`base` after the writes that `body` describes."""
        return cls.create(
            operands=[base, positions, values], result_types=[base.type], regions=[Region(body)]
        )

    @property
    def base(self) -> SSAValue:
        """What is there before the writes."""
        return self.operands[0]

    @property
    def positions(self) -> SSAValue:
        """The rows that are written."""
        return self.operands[1]

    @property
    def values(self) -> SSAValue:
        """What is written."""
        return self.operands[2]

    @property
    def body(self) -> Block:
        """What becomes of an element."""
        return self.regions[0].block


Tsc = Dialect(
    "tsc",
    [
        CholeskyOp,
        ComputedOp,
        ExchangeRowsOp,
        FindSizeOp,
        FourierOp,
        GroupOp,
        LuOp,
        MemoryOp,
        OrderStatisticOp,
        PlacesOp,
        PrefixOp,
        RandomBlocksOp,
        RandomDoublesOp,
        RandomPairsOp,
        RandomWordsOp,
        RemainderOp,
        RequireOp,
        ScatterOp,
        SortOp,
        TopKOp,
        TriangularSolveOp,
        YieldOp,
    ],
)
