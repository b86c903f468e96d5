"""Reads expressions: each becomes IR values, or something sugared that a call or attribute resolves."""

from __future__ import annotations

import ast
from typing import Any

from xdsl.ir import Block, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError, NotSupportedError, UnsupportedNodeError
from tsc.frontend.annotations import union
from tsc.frontend.conditions import ConditionReader
from tsc.frontend.sugared import Arguments, Constant, Special, Sugared, SugaredValue, TupleOf
from tsc.frontend.type_rules import element_hint, unify

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv",
    ast.Mod: "remainder",
    ast.Pow: "pow", ast.MatMult: "matmul", ast.BitAnd: "__and__", ast.BitOr: "__or__", ast.BitXor: "__xor__",
    ast.LShift: "__lshift__", ast.RShift: "__rshift__",
}  # fmt: skip

KEY_TYPES = (tt.INT, tt.FLOAT, tt.COMPLEX, tt.STRING, tt.BOOL, tt.DEVICE)
"""What a dict may be keyed by, besides tensors."""

HINTED = (
    ast.List, ast.Dict, ast.ListComp, ast.DictComp, ast.IfExp, ast.Tuple, ast.Call, ast.Subscript,
)  # fmt: skip
"""Expressions whose meaning may depend on the type they are wanted as."""


class ExpressionReader(ConditionReader):
    """Reads the expressions of one function."""

    def read(self, node: ast.expr, hint: TorchType | None = None) -> Sugared:
        """The value of an expression; `hint` is the type it is wanted as (for empty lists and dicts)."""
        method = getattr(self, f"read_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.error(
                f"{type(node).__name__} aren't supported",
                node,
                UnsupportedNodeError,
            )
        self.at(node)
        if isinstance(node, HINTED):
            return method(node, hint)
        return method(node)

    def read_constant(self, node: ast.Constant) -> Sugared:
        if node.value is Ellipsis or isinstance(node.value, bytes):
            raise self.error(f"constant {node.value!r} is not supported", node, NotSupportedError)
        is_live = self.function.python is not None  # PyTorch writes -2**63 in archives
        if type(node.value) is int and node.value >= 2**63 and is_live:
            raise self.error("Integral constant out of range (must fit in a signed 64 bit integer)", node)
        return Constant(node.value)

    def read_name(self, node: ast.Name) -> Sugared:
        return self.lookup(node.id, node)

    def read_attribute(self, node: ast.Attribute) -> Sugared:
        return self.read(node.value).attribute(self, node.attr, node)

    def read_tuple(self, node: ast.Tuple, hint: TorchType | None = None) -> Sugared:
        hints = (
            hint.data
            if isinstance(hint, tt.TupleType) and len(hint.data) == len(node.elts)
            else [None] * len(node.elts)
        )
        elements: list[Sugared] = []
        for element, wanted in zip(node.elts, hints, strict=True):
            if isinstance(element, ast.Starred):
                unrolled = self.read(element.value).unroll(self, element)
                if unrolled is None:
                    raise self.error("starred expressions need a tuple of known length", element)
                elements += unrolled
            else:
                read = self.read(element, wanted)
                elements.append(
                    SugaredValue(self.coerce(read.value(self, element), wanted, element))
                    if wanted is not None and self.converts(read.value(self, element), wanted)
                    else read
                )
        return TupleOf(elements)

    def read_list(self, node: ast.List, hint: TorchType | None = None) -> Sugared:
        wanted = element_hint(hint)
        if any(isinstance(e, ast.Starred) for e in node.elts):
            raise self.error(
                "cannot statically infer the expected size of a list in this context", node, CompileError
            )
        values = [self.value(e, wanted) for e in node.elts]
        element = wanted if wanted is not None else self.common_type([v.type for v in values], node)  # pyright: ignore[reportArgumentType]
        if element is None:
            element = tt.TENSOR
        other = next((v for v in values if not self.converts(v, element)), None)
        if other is not None:
            found: Any = self.common_type([v.type for v in values], node)  # pyright: ignore[reportArgumentType]
            raise self.error(
                f"List type annotation `List[{element.torchscript()}]` did not match the types of the given "
                f"list elements, which were unified to {found.torchscript()}",
                node,
            )
        return SugaredValue(
            self.builder.list(element, [self.coerce(v, element, node, "list element") for v in values])
        )

    def common_type(self, found: list[TorchType], node: ast.AST) -> TorchType | None:
        """The type all of `found` can be seen as, a union if need be; None for none at all."""
        if not found:
            return None
        merged = found[0]
        for other in found[1:]:
            merged = unify(merged, other) or union([merged, other])
        return merged

    def read_dict(self, node: ast.Dict, hint: TorchType | None = None) -> Sugared:
        hinted = hint.data if isinstance(hint, tt.OptionalType) else hint
        wanted = hinted if isinstance(hinted, tt.DictType) else None
        if any(k is None for k in node.keys):
            raise self.error("Dict expansion (e.g. `{**dict}`) is not supported", node, NotSupportedError)
        keys = [self.value(k, wanted and wanted.key) for k in node.keys if k is not None]
        values = [self.value(v, wanted and wanted.value) for v in node.values]
        key = wanted.key if wanted else self._key_type(keys, node)
        held = wanted.value if wanted else self.common_type([v.type for v in values], node) or tt.TENSOR  # pyright: ignore[reportArgumentType]
        if wanted is not None:
            self._check_parts(wanted, keys, values, node)
        operands = [self.coerce(k, key, node, "dict key") for k in keys] + [
            self.coerce(v, held, node, "dict value") for v in values
        ]
        if key not in KEY_TYPES and not isinstance(key, tt.TensorType):
            raise self.error(
                f"Cannot create dict for key type '{key.torchscript()}', only int, float, complex, Tensor, "
                "device and string keys are supported",
                node,
            )
        return SugaredValue(
            self.builder.create(ops.PrimDictConstructOp, operands, [tt.DictType((key, held))]).results[0]
        )

    def _check_parts(
        self, wanted: tt.DictType, keys: list[SSAValue], values: list[SSAValue], node: ast.AST
    ) -> None:
        """Refuse keys or values that are not of the type that a dict is wanted as."""
        for what, given, kind in (("keys", keys, wanted.key), ("values", values, wanted.value)):
            other: Any = next((v for v in given if not self.converts(v, kind)), None)
            if other is not None:
                raise self.error(
                    f"Type annotation was inferred to be `{wanted.torchscript()}`, but the type of {what} "
                    f"given by the dict literal is {other.type.torchscript()}",
                    node,
                )

    def _key_type(self, keys: list[SSAValue], node: ast.AST) -> Any:
        """The one type that the keys of a dict have."""
        kinds: list[Any] = [k.type for k in keys] or [tt.STRING]
        other = next((k for k in kinds if k is not kinds[0]), None)
        if other is not None:
            raise self.error(
                f"Dict keys must contain only a single type. Expected: {kinds[0].torchscript()} but found "
                f"{other.torchscript()} instead",
                node,
            )
        return kinds[0]

    def read_unaryop(self, node: ast.UnaryOp) -> Sugared:
        if isinstance(node.op, ast.Not):
            return self._from_condition(self.condition(node), node)
        if isinstance(node.op, ast.UAdd):
            raise self.error("unsupported unary operator: UAdd", node, NotSupportedError)
        operand = self.read(node.operand)
        known, python = operand.static()
        if (
            known
            and isinstance(node.op, ast.USub)
            and type(python) in (int, float, complex)
            and isinstance(operand, Constant)
        ):
            return Constant(-python)
        name = "aten::neg" if isinstance(node.op, ast.USub) else "aten::bitwise_not"
        magic = "__neg__" if isinstance(node.op, ast.USub) else "__invert__"
        return self.magic(magic, [operand], node) or self.call_builtin((name,), Arguments([operand]), node)

    def read_binop(self, node: ast.BinOp) -> Sugared:
        left = self.read(node.left)
        right = self.read(node.right)
        self.at(node)
        if isinstance(node.op, ast.Mod) and isinstance(self.plain(left, node).type, tt.StringType):
            return self.call_builtin(("aten::percentFormat",), Arguments([left, right]), node)
        return self.binary(BINARY[type(node.op)], left, right, node)

    def read_compare(self, node: ast.Compare) -> Sugared:
        if len(node.ops) > 1:
            return self._from_condition(self.condition(node), node)
        condition = self._single_comparison(node.left, node.ops[0], node.comparators[0], node)
        return condition if isinstance(condition, Sugared) else self._from_condition(condition, node)

    def read_boolop(self, node: ast.BoolOp) -> Sugared:
        return self._from_condition(self.condition(node), node)

    def read_ifexp(self, node: ast.IfExp, hint: TorchType | None = None) -> Sugared:
        condition = self.condition(node.test)
        if condition.static is not None:
            self.refine(condition.when_true if condition.static else condition.when_false)
            return self.read(node.body if condition.static else node.orelse, hint)
        blocks: list[Block] = []
        values: list[SSAValue] = []
        for branch, refinements in ((node.body, condition.when_true), (node.orelse, condition.when_false)):
            with self.block() as block:
                self.refine(refinements)
                values.append(self.value(branch, hint))
                blocks.append(block)
        merged = unify(values[0].type, values[1].type)  # pyright: ignore[reportArgumentType]
        if merged is None:
            raise self.error(
                f"if-expression's true branch has type {values[0].type} but false branch has type "
                f"{values[1].type}",
                node,
            )
        self.at(node)
        return SugaredValue(
            self.merge_blocks(condition.ssa, blocks, [[v] for v in values], [merged], node)[0]  # pyright: ignore[reportArgumentType]
        )

    def read_subscript(self, node: ast.Subscript, hint: TorchType | None = None) -> Sugared:
        from tsc.frontend.module_choices import chosen_module
        from tsc.frontend.subscripts import read_index

        chosen = chosen_module(self, node, hint) if isinstance(hint, tt.InterfaceType) else None
        return read_index(self, node) if chosen is None else chosen

    def read_joinedstr(self, node: ast.JoinedStr) -> Sugared:
        text = ""
        parts: list[Any] = []
        for piece in node.values:
            if isinstance(piece, ast.FormattedValue):
                if piece.conversion != -1 or piece.format_spec is not None:
                    what = "conversion" if piece.conversion != -1 else "formatting"
                    raise self.error(f"Don't support {what} in JoinedStr", piece, NotSupportedError)
                text += "{}"
                parts.append(self.read(piece.value))
            else:
                assert isinstance(piece, ast.Constant)
                text += str(piece.value).replace("{", "{{").replace("}", "}}")
        return self.call_builtin(("aten::format",), Arguments([Constant(text), *parts]), node)

    def read_generatorexp(self, node: ast.GeneratorExp) -> Sugared:
        return self.read(ast.copy_location(ast.ListComp(node.elt, node.generators), node))

    def read_listcomp(self, node: ast.ListComp, hint: TorchType | None = None) -> Sugared:
        from tsc.frontend.comprehensions import read_list_comprehension

        return read_list_comprehension(self, node, hint)

    def read_dictcomp(self, node: ast.DictComp, hint: TorchType | None = None) -> Sugared:
        from tsc.frontend.comprehensions import read_dict_comprehension

        return read_dict_comprehension(self, node, hint)

    def read_call(self, node: ast.Call, hint: TorchType | None = None) -> Sugared:
        from tsc.frontend.casts import ToList

        callee = self.read(node.func)
        if isinstance(callee, ToList):
            return callee.to_list(self, hint, node)
        if isinstance(callee, Special):
            from tsc.frontend.special_forms import read_form

            special = read_form(self, callee.name, node)
            if special is not None:
                return special
            pairs = node.args[0] if node.args else ast.List([])
            if callee.name == "dict" and isinstance(pairs, ast.List) and not pairs.elts and not node.keywords:
                return self.read_dict(ast.copy_location(ast.Dict([], []), node), hint)
        arguments = self.arguments(node)
        self.at(node)
        return callee.call(self, arguments, node)
