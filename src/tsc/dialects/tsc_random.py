"""Operations of the `tsc` dialect that draw random numbers from a stream: the words of a Mersenne twister,
and what it keeps between two draws, as an array of int32.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from xdsl.dialects.builtin import TensorType, f32, f64, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.sized import sized
from tsc.dialects.torch_base import TorchOp

TWISTER_WORDS = 624
"""Words of the twister's state: the first ones of a stream."""
POSITION = 624
"""Where a stream has the number of its next word, from 0 to 624: there the words are made anew."""
HAS_KEPT = 625
"""Where it says whether the second one of a pair of normally distributed numbers is kept."""
KEPT = 626
"""Where that number is, a float64: two words."""
IS_FRESH = 628
"""Where it says whether nothing was drawn since it began."""
STREAM_WORDS = 632
"""All words of a stream, and some to fill vectors."""


class RandomOp(TorchOp):
    """What the operations have in common: ``%numbers, %rest = "..."(%stream)``, where a stream is a
    ``tensor<632xi32>``, and `rest` is what it is after the numbers were drawn.
    """

    trait_list = (Pure(),)
    element: ClassVar[Attribute]

    @classmethod
    def of(cls, stream: SSAValue, count: int) -> Self:
        """The next `count` numbers of a stream."""
        kind: TensorType[Any] = TensorType(cls.element, sized([count]))
        return cls.create(operands=[stream], result_types=[kind, stream.type])

    @property
    def count(self) -> int:
        """How many numbers are drawn; it may be symbolic."""
        return shape_of(self.results[0])[0]

    def verify_(self) -> None:
        """Streams have their words, and numbers are of the operation's type."""
        for stream in (self.operands[0], self.results[1]):
            if list(shape_of(stream)) != [STREAM_WORDS] or element_of(stream.type) != i32:
                raise VerifyException(f"{self.name}: requires a stream; got {stream.type}")
        if element_of(self.results[0].type) != self.element:
            raise VerifyException(f"{self.name}: requires {self.element}; got {self.results[0].type}")


class RandomWordsOp(RandomOp):
    """``%w, %rest = "tsc.random_words"(%stream) : (tensor<632xi32>) -> (tensor<Nxi32>, tensor<632xi32>)``:
    the next words, of 32 random bits each.
    """

    name = "tsc.random_words"
    element = i32


class RandomDoublesOp(RandomOp):
    """``%x, %rest = "tsc.random_doubles"(%stream) : (tensor<632xi32>) -> (tensor<Nxf64>, tensor<632xi32>)``:
    numbers in ``[0, 1)`` of two words each, the upper one first, of which 53 bits count.
    """

    name = "tsc.random_doubles"
    element = f64


class RandomBlocksOp(RandomOp):
    """``%x, %rest = "tsc.random_blocks"(%stream) : (tensor<632xi32>) -> (tensor<Nxf32>, tensor<632xi32>)``:
    sixteen normally distributed numbers, or more, made in blocks of sixteen of as many words (Box and Muller,
    1958). What does not fill a block is made together with those before it, of sixteen further words.
    """

    name = "tsc.random_blocks"
    element = f32


class RandomPairsOp(RandomOp):
    """``%x, %rest = "tsc.random_pairs"(%stream) : (tensor<632xi32>) -> (tensor<Nxf64>, tensor<632xi32>)``:
    normally distributed numbers, made in pairs of which the stream keeps the second one.
    """

    name = "tsc.random_pairs"
    element = f64
