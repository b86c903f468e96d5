"""The graph that gradients flow back through: what is known of arrays that take part, and the calls that gave
them.

An array is known by its identity, for as long as somebody holds its `Variable`: a tensor of the user, a call
that read it, or the tape of a program that runs.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from tsc.dtypes import Array
from tsc.errors import OperatorError
from tsc.ops.definition import Operator
from tsc.ops.derivatives.reverse import Record, places_of, tensors_of
from tsc.ops.derivatives.rules import Place

VIEW_DETACHED = (
    "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
    "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
    "detach_() cannot be called on these gradients. To fix this error, please refer to the "
    "Optimizer.zero_grad() function in torch/optim/optimizer.py as a solution."
)


@dataclass(frozen=True)
class View:
    """How an array shows memory of another."""

    base: Variable
    operator: Operator
    arguments: Sequence[Any]
    place: Place
    """Where the base is among the arguments."""
    number: int | None = None
    """Which one it is of a list of views."""


class Variable:
    """What is known of an array that takes part in gradients."""

    __slots__ = (
        "__weakref__", "array", "former", "gradient", "hooks", "is_required", "node", "owner", "retains",
        "seen", "stale", "view", "viewers",
    )  # fmt: skip

    def __init__(self, array: Array) -> None:
        self.array = array
        self.is_required = False
        """Whether gradients are wanted of it though no noted call gave it: it is a leaf."""
        self.node: Node | None = None
        """The call that gave it."""
        self.gradient: Variable | None = None
        """What `backward` has summed up."""
        self.seen: Any = None
        """The gradient as the user has seen it: a tensor."""
        self.retains = False
        """Whether the gradient is kept though it is no leaf."""
        self.hooks: dict[int, Callable[[Array], Array | None]] = {}
        self.view: View | None = None
        self.viewers: weakref.WeakSet[Variable] | None = None
        """What shows its memory, directly or not."""
        self.stale: str | None = None
        """Of a view: what has written since to what it shows. It is taken anew when it is next asked."""
        self.former: weakref.WeakSet[Variable] | None = None
        """Of a leaf that was written: what it was when it was read."""
        self.owner: Variable | None = None
        """The leaf that this was, before that was written."""

    @property
    def requires(self) -> bool:
        """Whether gradients flow to it."""
        return self.is_required or self.node is not None

    def detach(self) -> None:
        """No gradient flows to it, or through it, from now on.

        Raises:
            OperatorError: it is a view.
        """
        if self.view is not None and self.requires:
            raise OperatorError(VIEW_DETACHED)
        self.is_required, self.node = False, None

    def bases(self) -> list[Variable]:
        """The variable, what it is a view of, what that is a view of, ..."""
        chain: list[Variable] = [self]
        while chain[-1].view is not None:
            chain.append(chain[-1].view.base)
        return chain

    def become_view(self, view: View) -> None:
        """Note whose memory it shows."""
        self.view = view
        root = self.bases()[-1]
        if root.viewers is None:
            root.viewers = weakref.WeakSet()
        root.viewers.add(self)

    def parts(self) -> list[Variable]:
        """It, and what it was when it was read."""
        return [self, *(self.former or ())]


class _Entry(weakref.ref[Variable]):
    __slots__ = ("key",)
    key: int


TABLE: dict[int, _Entry] = {}
"""By the identity of an array: its variable. Empty as long as nobody asks for gradients."""


def _forget(entry: Any) -> None:
    if TABLE.get(entry.key) is entry:
        del TABLE[entry.key]


def find(array: object) -> Variable | None:
    """What is known of an array, if anything."""
    entry = TABLE.get(id(array))
    return None if entry is None else entry()


def variable_of(array: Array) -> Variable:
    """What is known of an array from now on. Whoever calls holds it."""
    found = find(array)
    if found is None:
        found = Variable(array)
        entry = _Entry(found, _forget)
        entry.key = id(array)
        TABLE[id(array)] = entry
    return found


class Node:
    """A call that was noted. What PyTorch calls ``grad_fn``."""

    __slots__ = ("__weakref__", "_parents", "inputs", "number", "operator", "record")
    _numbers: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self, record: Record) -> None:
        self.number = next(Node._numbers)
        """Its place among all."""
        self.operator = record.operator
        self.record: Record | None = record
        """None when what it read is let go."""
        self.inputs: tuple[Variable, ...] = ()
        self._parents: tuple[Node | Variable, ...] = ()
        self.hold()
        _NODES[self.number] = weakref.ref(self, lambda _, number=self.number: _NODES.pop(number, None))

    def hold(self) -> None:
        """Hold what is known of the arrays that it read."""
        assert self.record is not None
        found = {id(a): find(a) for a in given_arrays(self.record.arguments)}
        self.inputs = tuple(variable for variable in found.values() if variable is not None)

    def arrays(self) -> Sequence[Array]:
        """What it read, what it gave, and what it keeps beside that."""
        record = self.record
        if record is None:
            return ()
        return *given_arrays(record.arguments), *result_arrays(record.results), *record.kept()

    def replace(self, array: Array, copy: Array) -> None:
        """Have it have read and given a copy in the place of an array."""
        record = self.record
        if record is None or all(known is not array for known in self.arrays()):
            return

        def kept(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [kept(v) for v in cast("Sequence[Any]", value)]
            return copy if value is array else value

        self.record = record.mapped(kept)
        self.hold()

    def give(self, made: Array, array: Array) -> None:
        """Have it have given `array` in the place of what it made."""
        assert self.record is not None
        self.record = replace(self.record, results=[array if r is made else r for r in self.record.results])

    @property
    def parents(self) -> Sequence[Node | Variable]:
        """What gave what it read: calls, and leaves."""
        return self._parents if self.record is None else [v.node or v.owner or v for v in self.inputs]

    def release(self) -> None:
        """Let go what it read."""
        self._parents = tuple(self.parents)
        self.record, self.inputs = None, ()
        _NODES.pop(self.number, None)

    def name(self) -> str:
        """As PyTorch says it: ``MulBackward0``."""
        base = self.operator.name.partition("::")[2]
        return f"{node_name(self.operator)}Backward{int(base in SECOND)}"

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


def node_name(operator: Operator) -> str:
    """What PyTorch calls a call of an operator: ``SplitWithSizes``."""
    name = operator.schema.name.partition("::")[2]
    words = PARTS.get(name, name).strip("_").split("_")
    return "".join(w[:1].upper() + w[1:] for w in words)


PARTS = {"chunk": "split"}
"""Operators that PyTorch notes as others."""
SECOND = frozenset(
    ("sum.dim_IntList", "mean.dim", "pow.Tensor_Tensor", "max", "min", "nansum.dim", "prod.dim_int")
)
"""The overloads that PyTorch counts as the second of their name."""
_NODES: dict[int, weakref.ref[Node]] = {}
"""The calls that hold what they read."""


def live_nodes() -> list[Node]:
    """The calls that hold what they read, by whomever they were noted."""
    found = [reference() for reference in list(_NODES.values())]
    return [node for node in found if node is not None]


def given_arrays(arguments: Sequence[Any]) -> list[Array]:
    """The arrays that a call is given, those in lists one by one."""
    return [cast("Array", value) for _, value in places_of(arguments)]


def result_arrays(result: Any) -> list[Array]:
    """The arrays that a call gave."""
    return cast("list[Array]", tensors_of(result))
