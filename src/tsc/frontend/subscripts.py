"""Subscripts, read and written: lists, dicts, strings, tuples and every form of tensor indexing."""

from __future__ import annotations

import ast
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from tsc import dtypes
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.frontend import calls
from tsc.frontend.sugared import Arguments, Constant, SliceOf, Sugared, SugaredValue

if TYPE_CHECKING:
    from tsc.frontend.expressions import ExpressionReader


@contextmanager
def _written_out(reader: ExpressionReader, key: ast.expr) -> Generator[ast.expr, None, None]:
    """A key with the slices and ellipses that names and calls in it stand for as they are written: the bounds
    of a slice have names of their own meanwhile.
    """
    parts = list(key.elts) if isinstance(key, ast.Tuple) else [key]
    bounds: dict[str, Sugared] = {}
    written = [_written_part(reader, part, bounds) for part in parts]
    if all(a is b for a, b in zip(parts, written, strict=True)):
        yield key
        return
    reader.environment.update(bounds)
    made = ast.Tuple(written, ast.Load()) if isinstance(key, ast.Tuple) else written[0]
    yield ast.fix_missing_locations(ast.copy_location(made, key))
    for name in bounds:
        reader.environment.pop(name)


def _written_part(reader: ExpressionReader, part: ast.expr, bounds: dict[str, Sugared]) -> ast.expr:
    if isinstance(part, ast.Name) and part.id == "Ellipsis" and part.id not in reader.environment:
        return ast.copy_location(ast.Constant(Ellipsis), part)
    is_call = isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "slice"
    if not is_call and not (isinstance(part, ast.Name) and part.id in reader.environment):
        return part
    meant = reader.read(part)
    if not isinstance(meant, SliceOf):
        return part
    names: list[ast.expr | None] = []
    for bound in (meant.lower, meant.upper, meant.step):
        if bound.static() == (True, None):
            names.append(None)
            continue
        names.append(ast.copy_location(ast.Name(f"$bound{len(bounds)}", ast.Load()), part))
        bounds[f"$bound{len(bounds)}"] = bound
    return ast.copy_location(ast.Slice(*names), part)


def read_index(reader: ExpressionReader, node: ast.Subscript) -> Sugared:
    """``value[key]``."""
    with _written_out(reader, node.slice) as key:
        if key is not node.slice:
            node = ast.copy_location(ast.Subscript(node.value, key, node.ctx), node)
        return _read_index(reader, node)


def _read_index(reader: ExpressionReader, node: ast.Subscript) -> Sugared:
    owner = reader.read(node.value)
    known = owner.index(reader, node.slice, node)
    if known is not None:
        return known
    value = reader.plain(owner, node)
    if isinstance(value.type, tt.TensorType):
        if _is_ellipsis(node.slice):
            raise reader.error("Cannot emit expr for: (dots)", node)
        return SugaredValue(index_tensor(reader, value.ssa, node.slice, node))
    if value.type in (tt.INT, tt.FLOAT, tt.BOOL, tt.COMPLEX, tt.NONE, tt.NUMBER, tt.ANY):
        raise reader.error(f"'{value.type.torchscript()}' object is not subscriptable", node)
    if isinstance(node.slice, ast.Slice):
        return _slice(reader, value, node.slice, node)
    called = (
        reader.magic("__getitem__", [value, reader.read(node.slice)], node)
        if isinstance(value.type, tt.ClassType)
        else None
    )
    return called or reader.call_builtin(
        ("aten::__getitem__",), Arguments([value, reader.read(node.slice)]), node
    )


def _slice(reader: ExpressionReader, value: SugaredValue, key: ast.Slice, node: ast.AST) -> Sugared:
    bounds: list[Sugared] = [Constant(None) if b is None else reader.read(b) for b in (key.lower, key.upper)]
    bounds.append(Constant(1) if key.step is None else reader.read(key.step))
    return reader.call_builtin(("aten::slice",), Arguments([value, *bounds]), node)


def index_tensor(reader: ExpressionReader, tensor: SSAValue, key: ast.expr, node: ast.AST) -> SSAValue:
    """``tensor[key]``: selects and slices first, then one `aten::index` for tensors among the indices."""
    tensor, gathered = _view(reader, tensor, key, node)
    return _gather(reader, tensor, gathered, node) if gathered else tensor


def _view(
    reader: ExpressionReader, tensor: SSAValue, key: ast.expr, node: ast.AST
) -> tuple[SSAValue, dict[int, SSAValue]]:
    """The part of `tensor` that ints and slices in `key` choose, and the tensors that index it further, by
    dim.
    """
    parts = list(key.elts) if isinstance(key, ast.Tuple) and key.elts else [key]
    if sum(map(_is_ellipsis, parts)) > 1:
        raise reader.error("An index can only have a single ellipsis ('...')", node)
    dim, is_from_the_end = 0, False
    gathered: dict[int, SSAValue] = {}
    for i, part in enumerate(parts):
        if _is_ellipsis(part):
            is_from_the_end = True
            continue
        if is_from_the_end:
            dim = _dim_from_the_end(parts[i:])
        tensor, dim = _apply(reader, tensor, dim, part, gathered, node)
    return tensor, gathered


def _is_ellipsis(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and part.value is Ellipsis


def _dim_from_the_end(rest: list[ast.expr]) -> int:
    """The dim that the first of `rest`, all after an ellipsis, applies to: counted from the end."""
    new_dims = [isinstance(p, ast.Constant) and p.value is None for p in rest]
    return -(len(rest) - sum(new_dims)) - (1 if new_dims[0] else 0)


def _apply(
    reader: ExpressionReader,
    tensor: SSAValue,
    dim: int,
    part: ast.expr,
    gathered: dict[int, SSAValue],
    node: ast.AST,
) -> tuple[SSAValue, int]:
    """One index applied at `dim`; the tensor after it and the dim of the next index."""
    builder = reader.builder
    if isinstance(part, ast.Slice):
        bounds: list[Sugared] = [
            Constant(None) if b is None else reader.read(b) for b in (part.lower, part.upper)
        ]
        bounds.append(Constant(1) if part.step is None else reader.read(part.step))
        arguments = Arguments([SugaredValue(tensor), Constant(dim), *bounds])
        return reader.call_builtin(("aten::slice",), arguments, node).value(reader, node), dim + 1
    read = reader.read(part)
    if isinstance(read, Constant) and read.python is None:
        added = builder.aten("aten::unsqueeze", [tensor, builder.constant(dim)]).results[0]
        return added, dim + 1
    index = reader.plain(read, node)
    reader.at(node)
    if index.type is tt.INT:
        selected = builder.aten("aten::select.int", [tensor, builder.constant(dim), index.ssa]).results[0]
        return selected, dim if dim >= 0 else dim + 1
    if isinstance(index.type, tt.ListType):
        dtype = {"dtype": Constant(dtypes.I64.code)}  # of a list of bools too: it is no mask
        made = reader.call_builtin(("aten::tensor",), Arguments([index], dtype), node)
        index = reader.plain(made, node)
    if isinstance(index.type, (tt.TensorType, tt.OptionalType)):
        gathered[dim] = index.ssa
        return tensor, dim + 1
    raise reader.error(
        f"Unsupported operation: indexing tensor with unsupported index type '{index.type.torchscript()}'. "
        "Only ints, slices, "
        "lists and tensors are supported",
        node,
    )


def _gather(
    reader: ExpressionReader, tensor: SSAValue, gathered: dict[int, SSAValue], node: ast.AST
) -> SSAValue:
    indices = _index_list(reader, tensor, gathered, node)
    return reader.builder.aten("aten::index.Tensor", [tensor, indices]).results[0]


def _index_list(
    reader: ExpressionReader, tensor: SSAValue, gathered: dict[int, SSAValue], node: ast.AST
) -> SSAValue:
    if any(d < 0 for d in gathered):
        raise reader.error("tensor indices after '...' are not supported yet", node)
    none = reader.builder.constant(None)
    values = [gathered.get(d, none) for d in range(max(gathered) + 1)]
    return reader.builder.list(tt.OptionalType(tt.TENSOR), values)


def assign_index(reader: ExpressionReader, target: ast.Subscript, value: Sugared, node: ast.AST) -> None:
    """``owner[key] = value``."""
    with _written_out(reader, target.slice) as key:
        if key is not target.slice:
            target = ast.copy_location(ast.Subscript(target.value, key, target.ctx), target)
        _assign_index(reader, target, value, node)


def _assign_index(reader: ExpressionReader, target: ast.Subscript, value: Sugared, node: ast.AST) -> None:
    owner = reader.plain(reader.read(target.value), node)
    if isinstance(owner.type, tt.TensorType):
        _assign_tensor(reader, owner.ssa, target.slice, value, node)
        return
    if isinstance(target.slice, ast.Slice):
        raise reader.error(
            "Sliced expression not yet supported for subscripted assignment. File a bug if you want this",
            node,
        )
    called = reader.magic("__setitem__", [owner, reader.read(target.slice), value], node)
    if called is None and not isinstance(owner.type, (tt.ListType, tt.DictType)):
        raise reader.error(f"{owner.type.torchscript()} does not support subscripted assignment.", node)
    if called is None:
        if isinstance(owner.type, tt.ListType):
            value = SugaredValue(reader.coerce(value.value(reader, node), owner.type.data, node))
        if isinstance(owner.type, tt.DictType):
            value = _stored_value(reader, value, owner.type.value, node)
        reader.call_builtin(("aten::_set_item",), Arguments([owner, reader.read(target.slice), value]), node)


def _stored_value(reader: ExpressionReader, value: Sugared, wanted: TorchType, node: ast.AST) -> Sugared:
    """A value stored in a dict: of the dict's type as it is; an untyped ``[]`` is a list of tensors here."""
    ssa = value.value(reader, node)
    if isinstance(ssa.type, tt.ListType) and not calls.fits(ssa.type, wanted, {}):
        raise reader.error(
            f"Arguments for call are not valid. Could not match type {ssa.type.torchscript()} to "
            f"{wanted.torchscript()} in the value stored",
            node,
        )
    return SugaredValue(reader.coerce(ssa, wanted, node))


def _assign_tensor(
    reader: ExpressionReader, tensor: SSAValue, key: ast.expr, value: Sugared, node: ast.AST
) -> None:
    tensor, gathered = _view(reader, tensor, key, node)
    stored = reader.plain(value, node)
    builder = reader.builder
    if gathered:
        source = (
            stored.ssa if isinstance(stored.type, tt.TensorType) else _as_tensor(reader, stored, tensor, node)
        )
        indices = _index_list(reader, tensor, gathered, node)
        builder.aten("aten::index_put_", [tensor, indices, source, builder.constant(False)])
    elif isinstance(stored.type, tt.TensorType):
        builder.aten("aten::copy_", [tensor, stored.ssa, builder.constant(False)])
    else:
        reader.call_builtin(("aten::fill_",), Arguments([SugaredValue(tensor), stored]), node)


def _as_tensor(reader: ExpressionReader, stored: SugaredValue, like: SSAValue, node: ast.AST) -> SSAValue:
    dtype = reader.builder.aten("prim::dtype", [like]).results[0]
    made = reader.call_builtin(("aten::tensor",), Arguments([stored], {"dtype": SugaredValue(dtype)}), node)
    return made.value(reader, node)
