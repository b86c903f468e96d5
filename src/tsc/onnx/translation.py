"""`translate`: a function whose tensors have shapes into the nodes of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from tsc import dtypes
from tsc.analysis.known_values import CONSTRUCTIONS, UNKNOWN, constant_of, spec_of_type, unwrapped
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.torch_ops import (
    ConstantOp,
    DerefineOp,
    NonValueTensorLiteralOp,
    PrimDictConstructOp,
    PrimIfOp,
    PrimIfYieldOp,
    PrimListUnpackOp,
    PrimLoopConditionOp,
    PrimLoopOp,
    PrimUncheckedCastOp,
    ValueTensorLiteralOp,
)
from tsc.dialects.tsc import ComputedOp, MemoryOp, RequireOp
from tsc.dtypes import DType
from tsc.onnx.graphs import Emitter, Graph, Model, NoFormError, Tensor, type_code
from tsc.onnx.rules.table import RULES
from tsc.ops.registry import find
from tsc.passes.decompose import decompose

NO_RULE = "there is no rule that says what it is in ONNX"
NUMBERS: dict[Any, DType] = {tt.INT: dtypes.I64, tt.FLOAT: dtypes.F64, tt.BOOL: dtypes.BOOL}
"""Numbers that are not known are tensors without dims."""
SILENT = (ComputedOp, ConstantOp, DerefineOp, PrimUncheckedCastOp, RequireOp, *CONSTRUCTIONS)
"""Operations that whoever reads their result looks through. What is required says in which calls the program
does not raise, as bounds of indices do: the model is for those.
"""


@dataclass(frozen=True)
class Refusal:
    """An operation that has no form, and why."""

    op: Operation
    reason: str


@dataclass
class Translation:
    """A function on its way into a model."""

    model: Model
    pool: ConstantPool
    opset: int
    in_words: Callable[[object], str] = str
    """What an expression of sizes is called."""
    tensors: dict[SSAValue, Tensor] = field(default_factory=dict[SSAValue, Tensor])
    refusals: list[Refusal] = field(default_factory=list[Refusal])
    _missing: set[SSAValue] = field(default_factory=set[SSAValue])
    """Results of what was refused, and of what reads them: they are not refused once more."""

    def block(self, block: Block, graph: Graph) -> None:
        """Write what a block does, its end aside. Composites that have no form of their own are expanded."""
        op = block.first_op
        while op is not None and op is not block.last_op:
            before = op.prev_op
            if self._reads_missing(op):
                if _has_no_form(op):
                    self.refusals.append(Refusal(op, NO_RULE))
                self._missing.update(op.results)
                op = op.next_op
                continue
            try:
                self._operation(op, graph)
            except NoFormError as error:
                if isinstance(op, AtenOp) and self._expanded(op):
                    op = block.first_op if before is None else before.next_op
                    continue
                self.refusals.append(Refusal(op, error.message))
                self._missing.update(op.results)
            op = op.next_op

    def _reads_missing(self, op: Operation) -> bool:
        return any(unwrapped(o) in self._missing for o in op.operands)

    def _expanded(self, op: AtenOp) -> bool:
        """Whether what defines a composite has taken its place."""
        operator = find(op.schema.full_name)
        if operator is not None and operator.composite is not None and operator.kind != "matrices":
            decompose(op, self.pool)
        return op.parent is None

    def _operation(self, op: Operation, graph: Graph) -> None:
        if isinstance(op, SILENT):
            return
        if isinstance(op, (ValueTensorLiteralOp, NonValueTensorLiteralOp)):
            name = self.model.weight(literal_array(self.pool, op), op.resource_key or "weight")
            self._define(op.results[0], name)
        elif isinstance(op, MemoryOp):
            self.tensors[op.results[0]] = self.tensor(op.operands[0])
        elif isinstance(op, PrimListUnpackOp):
            for result, part in zip(op.results, self.argument(op.operands[0]), strict=True):
                self.tensors[result] = part
        elif isinstance(op, PrimIfOp):
            self._branches(op, graph)
        elif isinstance(op, PrimLoopOp):
            self._loop(op, graph)
        elif isinstance(op, AtenOp):
            self._call(op, graph)
        else:
            raise NoFormError("ONNX has nothing of the kind")

    # --- operators ---

    def _call(self, op: AtenOp, graph: Graph) -> None:
        rule = RULES.get(op.schema.full_name)
        if rule is None:
            raise NoFormError(NO_RULE)
        results = [self._described(r) for r in op.results]
        found = rule(Emitter(graph, results, self.opset), *map(self.argument, op.operands))
        names = [found] if isinstance(found, str) else found
        for result, name in zip(op.results, names, strict=True):
            self._define(result, name)

    def _described(self, value: SSAValue, name: str = "") -> Tensor:
        """What is known of a value from its type.

        Raises:
            NoFormError: it is no tensor, or one of a dtype that is not known.
        """
        kind: Any = value.type
        if kind in NUMBERS:
            return Tensor(name, NUMBERS[kind], ())
        if not isinstance(kind, tt.TensorType) or kind.dtype is None:
            raise NoFormError(f"requires tensors of a known dtype; got {kind}")
        spec = spec_of_type(kind)
        return Tensor(name, kind.dtype, None if spec is None else tuple(spec.shape))

    def _define(self, value: SSAValue, name: str) -> None:
        self.tensors[value] = self._described(value, name)

    def tensor(self, value: SSAValue) -> Tensor:
        """What a value is in the model."""
        found = self.argument(value)
        if not isinstance(found, Tensor):
            raise NoFormError(f"requires a tensor; got {found!r}")
        return found

    def argument(self, value: SSAValue) -> Any:
        """What a rule gets for an operand.

        Raises:
            NoFormError: it is neither a tensor, nor known, nor a list of such.
        """
        value = unwrapped(value)
        if value in self.tensors:
            return self.tensors[value]
        owner = value.owner
        if isinstance(owner, CONSTRUCTIONS):
            return [self.argument(o) for o in owner.operands]
        found = constant_of(value)
        if found is not UNKNOWN:
            return found
        raise NoFormError(f"requires what is known, or a tensor; got {value.type}")

    # --- branches and loops ---

    def scalar(self, value: SSAValue, graph: Graph) -> str:
        """A number or bool as a tensor without dims."""
        kind: Any = value.type
        found = self.argument(value)
        return (
            found.name
            if isinstance(found, Tensor)
            else Emitter(graph, [], self.opset).number(found, NUMBERS[kind])
        )

    def _value(self, value: SSAValue, graph: Graph) -> str:
        if unwrapped(value).type in NUMBERS:
            return self.scalar(value, graph)
        return self.tensor(value).name

    def _branches(self, op: PrimIfOp, graph: Graph) -> None:
        """``If``: what its branches read from around them they read by name."""
        if not op.results:
            raise NoFormError("requires branches that give something: this one only raises, or writes")
        subgraphs = [self._subgraph(region.block, f"branch{i}") for i, region in enumerate(op.regions)]
        names = graph.add(
            "If", [self.scalar(op.condition, graph)], len(op.results),
            then_branch=subgraphs[0], else_branch=subgraphs[1],
        )  # fmt: skip
        for result, name in zip(op.results, names, strict=True):
            self._define(result, name)

    def _subgraph(self, block: Block, name: str, inputs: Sequence[Any] = ()) -> Any:
        """The graph of a branch or of a loop's body; what it gives comes from its end."""
        graph = Graph(self.model)
        self.block(block, graph)
        end = block.last_op
        if not isinstance(end, (PrimIfYieldOp, PrimLoopConditionOp)):
            raise NoFormError("requires a region that ends with what it gives")
        names = [self.model.unique(f"{name}_result") for _ in end.operands]
        outputs = [self.result(graph, value, n) for value, n in zip(end.operands, names, strict=True)]
        return self.model.onnx.helper.make_graph(graph.nodes, self.model.unique(name), list(inputs), outputs)

    def _loop(self, op: PrimLoopOp, graph: Graph) -> None:
        """``Loop``: a most number of rounds, a condition, and what each round gives the next one."""
        block = op.regions[0].block
        names = [self.model.unique(arg.name_hint or "carried") for arg in block.args]
        for arg, name in zip(block.args, names, strict=True):
            self._define(arg, name)
        go_on = self.model.unique("goes_on")
        info = self.model.onnx.helper.make_tensor_value_info
        inputs = [info(names[0], type_code(dtypes.I64), []), info(go_on, type_code(dtypes.BOOL), [])]
        inputs += [self.described(self.tensors[arg]) for arg in block.args[1:]]
        body = self._subgraph(block, "round", inputs)
        given = [self._value(value, graph) for value in op.operands]
        results = graph.add("Loop", given, len(op.results), body=body)
        for result, name in zip(op.results, results, strict=True):
            self._define(result, name)

    # --- inputs and results ---

    def input(self, argument: SSAValue, name: str) -> Any:
        """What ONNX is told of an input, which has this name from now on."""
        self._define(argument, name)
        return self.described(self.tensors[argument])

    def result(self, graph: Graph, value: SSAValue, name: str) -> Any:
        """What ONNX is told of a result of a graph, which has this name."""
        graph.add("Identity", [self._value(value, graph)], names=[name])
        return self.described(self._described(unwrapped(value), name))

    def described(self, tensor: Tensor) -> Any:
        """A tensor's name, dtype and shape, as ONNX keeps them for inputs and results."""
        info = self.model.onnx.helper.make_tensor_value_info
        shape = tensor.known_shape
        words = self.in_words
        sizes = None if shape is None else [size if isinstance(size, int) else words(size) for size in shape]
        return info(tensor.name, type_code(tensor.dtype), sizes)


def _has_no_form(op: Operation) -> bool:
    """Whether an operator has no form, whatever its operands are."""
    if not isinstance(op, AtenOp) or op.schema.full_name in RULES:
        return False
    operator = find(op.schema.full_name)
    return operator is None or operator.composite is None or operator.kind == "matrices"


def returned(end: ReturnOp) -> list[tuple[SSAValue, str]]:
    """The tensors that a function gives, in their order, whatever holds them, and what they are called: by
    the key, where that is a text, or as in the program.

    Raises:
        NoFormError: it gives something else as well.
    """
    return [leaf for value in end.operands for leaf in _leaves(value, "")]


def _leaves(value: SSAValue, key: str) -> list[tuple[SSAValue, str]]:
    value = unwrapped(value)
    owner = value.owner
    if isinstance(owner, PrimDictConstructOp):
        count = len(owner.operands) // 2
        keys = [constant_of(k) for k in owner.operands[:count]]
        pairs = zip(owner.operands[count:], keys, strict=True)
        return [leaf for v, k in pairs for leaf in _leaves(v, k if isinstance(k, str) else key)]
    if isinstance(owner, CONSTRUCTIONS):
        return [leaf for o in owner.operands for leaf in _leaves(o, key)]
    if isinstance(value.type, tt.TensorType):
        return [(value, key or value.name_hint or "output")]
    raise NoFormError(
        f"requires results that are tensors, and tuples, lists and dicts of them; got {value.type}"
    )
