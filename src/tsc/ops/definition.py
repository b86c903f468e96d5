"""What an operator is: one `Operator` per schema. Family modules make them, `registry` finds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Schema
from tsc.dtypes import DType
from tsc.ops.int_ranges import Ranging
from tsc.ops.machine_forms import MachineForm
from tsc.ops.python_forms import PythonForm


@dataclass(frozen=True)
class TensorSpec:
    """Shape and dtype of a tensor: what inference computes with."""

    shape: tuple[int, ...]
    dtype: DType

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        n = 1
        for extent in self.shape:
            n *= extent
        return n


@dataclass(frozen=True)
class IndexBound:
    """A promise native code relies on: every element of an index tensor lies within an extent.

    The runtime checks it before the call: ``low <= element < high``.
    """

    argument: int
    """Position of the index tensor among the schema's arguments."""
    low: int
    high: int
    item: int | None = None
    """Position within the argument when that is a list of tensors (``index.Tensor``)."""


class Effect(Enum):
    """What a call reads or does beside its arguments and results."""

    NONE = "nothing"
    READS = "reads a mode or a state that something else may set"
    ACTS = "prints, warns, waits, or sets such a state"


class Sharing(Enum):
    """Whether the results of an operator are memory of its arguments."""

    BY_SCHEMA = "as the schema says: always where it names an alias set, else never"
    SOMETIMES = "decided at each call by layout, dtype or mode, whatever the schema says"
    ALONE = "perhaps, where the list that it is given holds one tensor; what is made of several is new"
    FOLLOWING = "as the schema says, but of complex numbers memory of their own, which follows all writes"


class ResultLayout(Enum):
    """How results that are new memory lie in it."""

    ROW_MAJOR = "row-major"
    ELEMENTWISE = "the dims in the order of the operands' strides, without gaps"
    SUGGESTED = "channels last where the first argument is an image, or images, that lie so, else row-major"
    FOLLOWING = "as `eager` gives it: row-major where the operands are"
    AS_COMPUTED = "as `eager` gives it"

    @classmethod
    def of_images(cls, spatial: int) -> ResultLayout | None:
        """Of operators of which only the form with two spatial dims knows channels last."""
        return cls.SUGGESTED if spatial == 2 else None

    @property
    def follows_operands(self) -> bool:
        """Whether results are row-major where all operands are, and may not be where one is not."""
        return self in (ResultLayout.ELEMENTWISE, ResultLayout.SUGGESTED, ResultLayout.FOLLOWING)


_LAYOUTS = {
    "pointwise": ResultLayout.ELEMENTWISE,
    **dict.fromkeys(
        (
            "gather", "reduction", "contraction", "window", "concat", "pad", "scan", "scatter", "sort",
            "places", "random", "composite",
        ),
        ResultLayout.ROW_MAJOR,
    ),
}  # fmt: skip
"""What operators of a kind do if their definitions say nothing else."""
_MOVING = ("view", "reshape", "gather", "concat")
"""Kinds of operators that compute nothing of elements, if their definitions say nothing else."""


@dataclass(frozen=True)
class Operator:
    """What one schema means. Every function takes the schema's arguments, all of them, by position."""

    schema: Schema
    eager: Callable[..., Any]
    """On NumPy arrays and Python values. Results of view operators alias their argument, as in PyTorch."""
    infer: Callable[..., Any] | None = None
    """On `TensorSpec`s and Python values: the spec (or specs) of the result, or an error."""
    lower: Callable[..., Any] | None = None
    """``lower(kernel, operands, arguments)``: build its `linalg` operations; None: generic tier only."""
    lowers: Callable[..., bool] | None = None
    """On specs: whether `lower` is for such arguments; None: for all."""
    kind: str = "generic"
    """How fusion sees it: pointwise, gather, view, join, reshape, reduction, contraction, window, concat,
    pad, scan, scatter, sort, places, fourier, matrices, random, composite or generic; query, item and
    python give no tensor; inplace writes its first argument."""
    scalar: Callable[..., Any] | None = None
    """The formula of a pointwise operator."""
    fold: Callable[..., Any] | None = None
    """On specs: a Python value known from shapes and dtypes alone (``size``, ``dim``, ``dtype``)."""
    composite: Callable[..., Any] | None = None
    """``composite(aten, *arguments)``: the operator in terms of others; `aten` runs, infers, or builds IR."""

    in_parts: Callable[..., Any] | None = None
    """``in_parts(aten, *arguments)``: the result in operators on reals, where complex tensors are `Parts`;
    `UnsupportedOperatorError` where there is no such form.
    """
    slopes: Callable[..., Any] | None = None
    """``slopes(aten, *arguments)``: of a pointwise operator the derivatives by its operands, by their
    positions: tensors in the dtype it is computed in, or numbers.
    """
    takes_complex: bool = False
    """Whether `lower` is for complex tensors too."""
    bounds: Callable[..., list[IndexBound]] | None = None
    """On specs, for kind ``gather``: what must be checked before native code of `lower` may run."""
    draws: bool = False
    """Whether a call may draw random numbers (dropouts: while training)."""
    drawn: Callable[..., Any] | None = None
    """``drawn(draws, *arguments)``: of an operator that draws, from nobody's source in particular, its result
    in terms of others and of the numbers that `draws` gives (see `ops/random_streams.py`)."""
    fills_memory: bool = False
    """Whether elements get random numbers in the order in which they lie in memory: that of the result, which
    is that of the tensors that it is made like."""
    sharing: Sharing = Sharing.BY_SCHEMA
    """Whether results are memory of the arguments."""
    inverse: Callable[..., Any] | None = None
    """Of a view: ``inverse(aten, base, piece, *rest)`` is `base` with `piece` in place of what the view
    ``(base, *rest)`` shows. None: what is written into such a view cannot be put back."""
    is_identity: bool = False
    """Whether a result of the very type of the first argument has its elements too: a copy, a conversion, a
    reshape."""
    moves_elements: bool | None = None
    """Whether elements of the result are elements of the tensors, and nothing is computed of them; None: as
    usual for the kind. Of complex tensors the parts are moved alike.
    """
    reads_shape_only: bool = False
    """Whether of the first argument only shape and dtype count, never its elements."""
    layout: ResultLayout | None = None
    """How results lie in memory; None: as usual for the kind. Of an operator that shares sometimes: what it
    gives lies so, a copy where the argument does not.
    """
    takes_overlap: bool = False
    """Whether the in-place form writes where several elements are one place in memory, as fills do."""
    gives_argument: bool | None = None
    """Whether a result is, at times, the very tensor that was given; None: as usual for its `sharing`."""
    compares_objects: bool = False
    """What it gives depends on which objects lists, dicts and tensors are, not on what they hold."""
    reads_places: bool = False
    """Whether a result's element depends on its place too, and not on elements alone: in a triangle."""
    changes_shape: bool = False
    """Whether the call gives its first argument, the very tensor, other sizes or strides."""
    needs_layout: bool = False
    """Whether it raises where the first argument does not lie in memory as the result needs it."""
    reads_layout: bool = False
    """Whether the result depends on how the first argument lies in memory, and not on its value alone."""
    elements_only: tuple[str, ...] = ()
    """Numbers among the arguments that decide about elements, but neither about shape nor dtype; of an
    operator with a formula (`scalar`) all are such."""
    length: Callable[..., int] | None = None
    """Of a result that is a list: how many elements it has, where that may be far more than were given."""
    asks_gradients: bool = False
    """Whether it asks what gradients are: of all that was computed before, and not of its arguments alone."""
    effect: Effect = Effect.NONE
    """What a call has to do with the world beside its arguments and results, draws aside."""
    python: PythonForm | None = None
    """How generated Python does without a call of `eager`."""
    machine: MachineForm | None = None
    """How LLVM does a call on numbers and lists of them; of lists given the type of elements, as `kind`."""
    ranging: Ranging | None = None
    """Of an int: its range by those of operands; None: unknown."""

    def decides_elements_only(self, position: int) -> bool:
        """Whether a number given for an argument says nothing about shape and dtype but by its kind."""
        if position >= len(self.schema.arguments):
            return False
        return self.scalar is not None or self.schema.arguments[position].name in self.elements_only

    @property
    def name(self) -> str:
        """``aten::add.Tensor``."""
        return self.schema.full_name

    @property
    def result_layout(self) -> ResultLayout:
        """How results that are new memory lie in it."""
        return self.layout or _LAYOUTS.get(self.kind, ResultLayout.AS_COMPUTED)

    @property
    def only_moves(self) -> bool:
        """Whether it computes nothing of elements."""
        return (
            self.kind in _MOVING or self.is_identity if self.moves_elements is None else self.moves_elements
        )

    @property
    def is_elementwise(self) -> bool:
        """Whether an element of the result follows from the operands' elements at its place alone."""
        is_pointwise = self.scalar is not None or self.kind == "pointwise"
        return is_pointwise and not (self.reads_places or self.draws)

    @property
    def may_share(self) -> bool:
        """Whether a result may be memory of an argument."""
        return self.sharing in (Sharing.SOMETIMES, Sharing.ALONE) or self.schema.aliases

    @property
    def shares_by_layout(self) -> bool:
        """Whether the result is a copy where the first argument does not lie as the operator wants it."""
        return self.is_identity and self.sharing is Sharing.SOMETIMES and self.layout is not None

    @property
    def is_view(self) -> bool:
        """Whether the result certainly is memory of the first argument, or follows it."""
        return self.sharing is not Sharing.SOMETIMES and self.schema.aliases and not self.schema.mutates

    @property
    def may_give_argument(self) -> bool:
        """Whether a result may be the very tensor that was given, and not a view or a copy of it."""
        if self.gives_argument is not None:
            return self.gives_argument
        is_sometimes = self.sharing is not Sharing.BY_SCHEMA and self.kind != "reshape"
        return self.may_share and (is_sometimes or self.schema.mutates or self.kind == "python")


Meaning = (
    Callable[[], Any]
    | Callable[[Any], Any]
    | Callable[[Any, Any], Any]
    | Callable[[Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any], Any]
)
"""What an operator does, by arity, so that the parameters of lambdas have types."""


class Family:
    """Collects the operators a family module defines."""

    def __init__(self) -> None:
        self.operators: dict[str, Operator] = {}

    def add(self, operator: Operator) -> None:
        """Take `operator` in.

        Raises:
            ValueError: it was defined before.
        """
        if operator.name in self.operators:
            raise ValueError(f"{operator.name} is defined twice")
        self.operators[operator.name] = operator

    def op(self, *names: str, **parts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """The decorated function is the eager meaning of `names`; `parts` are fields of `Operator`."""

        def register(eager: Callable[..., Any]) -> Callable[..., Any]:
            for name in names:
                self.add(Operator(require_schema(name), eager, **parts))
            return eager

        return register

    def overloads(
        self,
        name: str,
        wanted: Callable[[Schema], bool],
        meaning: Meaning,
        python: PythonForm | None = None,
        suits: Callable[[Schema], bool] = bool,
        ranging: Ranging | None = None,
        machine: MachineForm | None = None,
    ) -> None:
        """`meaning` is that of the overloads `wanted` accepts, dicts keyed by tensors excepted; of those that
        `python` suits, that is it too.
        """
        for schema in schemas.overloads(name):
            if wanted(schema) and not _keyed_by_tensor(schema):
                form = python if suits(schema) else None
                parts: dict[str, Any] = {"python": form, "ranging": ranging, "machine": machine}
                self.op(schema.full_name, kind="python", **parts)(meaning)


def _keyed_by_tensor(schema: Schema) -> bool:
    kinds = [a.type for a in (*schema.arguments, *schema.results) if isinstance(a.type, tt.DictType)]
    return any(kind.data[0] is tt.TENSOR for kind in kinds)


def require_schema(name: str) -> Schema:
    """The schema called `name`.

    Raises:
        KeyError: PyTorch has no such schema: the definition is misspelt.
    """
    schema = schemas.lookup(name)
    if schema is None:
        raise KeyError(f"no schema {name}")
    return schema
