"""`expand-splits`: a tensor of known shape that is cut into a list of pieces becomes slices."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, rewritten
from tsc.analysis.known_values import constant_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.passes.expand_splits import ExpandSplits

X, INTS = "!torch.vtensor<[2,5],f32>", "!torch.list<int>"


def split(
    name: str, how: int | list[int] | None, dim: int | str = 1, kind: str = X, element: str = "vtensor"
) -> str:
    """A function that returns the pieces of its argument; `how` are the numbers that say which."""
    numbers = how if isinstance(how, list) else [] if how is None else [how]
    lines = [f"%n{i} = torch.constant.int {n}" for i, n in enumerate(numbers)]
    names, types = ", ".join(f"%n{i}" for i in range(len(numbers))), ", ".join(["!torch.int"] * len(numbers))
    operands, signature = ([], []) if how is None else ([names], [types])
    if isinstance(how, list):
        lines.append(f"%l = torch.prim.ListConstruct {names} : ({types}) -> {INTS}")
        operands, signature = ["%l"], [INTS]
    lines += [] if isinstance(dim, str) else [f"%dim = torch.constant.int {dim}"]
    types = ", ".join([kind, *signature, "!torch.int"])
    call = f'torch.operator "aten.{name}"({", ".join(["%x", *operands, "%dim"])})'
    result = f"!torch.list<{element}>"
    given = ", %dim : !torch.int" if isinstance(dim, str) else ""
    body = "\n".join([*lines, f"%r = {call} : ({types}) -> {result}", f"func.return %r : {result}"])
    return f"func.func @f(%x : {kind}{given}) -> {result} {{\n{body}\n}}"


def pieces(text: str) -> list[tuple[str, list[int], str]]:
    """The pieces that a function returns: each operator, the numbers it takes after the tensor, and the type
    it makes. None is left over, and all are pieces of the argument.
    """
    _, module = rewritten(text, ExpandSplits())
    function = next(iter(module.ops))
    (made,) = (op for op in reversed(list(module.walk())) if op.name == "func.return")
    gathered = made.operands[0].owner
    assert isinstance(gathered, PrimListConstructOp)
    found: list[tuple[str, list[int], str]] = []
    for value in gathered.operands:
        owner, kind = value.owner, value.type
        assert isinstance(owner, AtenOp)
        assert isinstance(kind, tt.TensorType)
        assert owner.operands[0] is function.regions[0].block.args[0]
        numbers = [constant_of(o) for o in owner.operands[1:]]
        found.append((owner.schema.full_name.removeprefix("aten::"), numbers, kind.text()))
    assert len(found) == sum(isinstance(op, AtenOp) for op in module.walk())
    return found


def slices(*bounds: tuple[int, int]) -> list[tuple[str, list[int], str]]:
    """Slices of `X` along its second dim."""
    return [("slice.Tensor", [1, a, b, 1], f"vtensor<[2,{b - a}],f32>") for a, b in bounds]


@pytest.mark.parametrize(
    ("name", "how", "bounds"),
    [
        ("chunk", 2, [(0, 3), (3, 5)]),
        ("chunk", 9, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
        ("unsafe_chunk", 2, [(0, 3), (3, 5)]),
        ("split.Tensor", 2, [(0, 2), (2, 4), (4, 5)]),
        ("split.Tensor", 7, [(0, 5)]),
        ("unsafe_split.Tensor", 2, [(0, 2), (2, 4), (4, 5)]),
        ("split.sizes", [1, 0, 4], [(0, 1), (0, 0), (1, 5)]),
        ("split_with_sizes", [4, 1], [(0, 4), (4, 5)]),
        ("unsafe_split_with_sizes", [4, 1], [(0, 4), (4, 5)]),
        ("tensor_split.sections", 3, [(0, 2), (2, 4), (4, 5)]),
        ("tensor_split.indices", [1, 3], [(0, 1), (1, 3), (3, 5)]),
        ("tensor_split.indices", [-1], [(0, 4), (4, 5)]),
        ("tensor_split.indices", [2, 9], [(0, 2), (2, 5), (0, 0)]),
    ],
)
def test_pieces_of_a_tensor_become_slices(
    name: str, how: int | list[int], bounds: list[tuple[int, int]]
) -> None:
    assert pieces(split(name, how)) == slices(*bounds)


def test_pieces_that_overlap_start_where_they_start() -> None:
    (_, empty, last) = pieces(split("tensor_split.indices", [3, 1]))
    assert empty[2] == "vtensor<[2,0],f32>"
    assert last == slices((1, 5))[0]


def test_elements_along_a_dim_become_selects() -> None:
    wanted = [("select.int", [0, i], "vtensor<[5],f32>") for i in range(2)]
    assert pieces(split("unbind.int", None, 0)) == wanted


def test_a_dim_may_count_from_the_end() -> None:
    assert pieces(split("chunk", 2, -1)) == pieces(split("chunk", 2, 1))
    assert pieces(split("unbind.int", None, -2)) == pieces(split("unbind.int", None, 0))


def test_pieces_of_a_mutable_tensor_are_views_that_are_mutable() -> None:
    made = pieces(split("chunk", 2, kind="!torch.tensor<[2,5],f32>", element="tensor"))
    assert [kind for _, _, kind in made] == ["tensor<[2,3],f32>", "tensor<[2,2],f32>"]
    assert [numbers for _, numbers, _ in made] == [[1, 0, 3, 1], [1, 3, 5, 1]]


@pytest.mark.parametrize("kind", ["tensor", "vtensor"])
def test_pieces_have_elements_of_the_type_of_the_tensor(kind: str) -> None:
    made = pieces(split("chunk", 2, kind=f"!torch.{kind}<[2,4],si32>", element=kind))
    assert [piece for _, _, piece in made] == [f"{kind}<[2,2],si32>"] * 2


@pytest.mark.parametrize("kind", ["!torch.vtensor<[2,?],f32>", "!torch.vtensor<[2,5],unk>", "!torch.vtensor"])
@pytest.mark.parametrize(("name", "how"), [("chunk", 2), ("unbind.int", None)])
def test_a_tensor_of_unknown_shape_stays_whole(kind: str, name: str, how: int | None) -> None:
    assert_leaves(split(name, how, kind=kind), ExpandSplits())


@pytest.mark.parametrize(("name", "how"), [("chunk", 2), ("split.sizes", [4, 1]), ("unbind.int", None)])
def test_a_dim_that_is_not_known_is_not_cut(name: str, how: int | list[int] | None) -> None:
    assert_leaves(split(name, how, "given"), ExpandSplits())


def test_sizes_that_are_written_are_not_known() -> None:
    text = split("split.sizes", [4, 1])
    write = f"%w = torch.aten.append.t %l, %n0 : {INTS}, !torch.int -> {INTS}\n"
    assert_leaves(text.replace("%dim =", f"{write}%dim ="), ExpandSplits())


@pytest.mark.parametrize(
    ("name", "how", "dim"),
    [
        ("chunk", 0, 1),
        ("chunk", 2, 7),
        ("split.Tensor", -1, 1),
        ("split.sizes", [1, 1], 1),
        ("unbind.int", None, 2),
    ],
)
def test_a_split_that_is_wrong_still_raises(name: str, how: int | list[int] | None, dim: int) -> None:
    assert_leaves(split(name, how, dim), ExpandSplits())


def test_the_list_of_pieces_may_be_written() -> None:
    element, kind = "tensor<[2,3],f32>", "!torch.tensor<[2,6],f32>"
    text = split("chunk", 2, kind=kind, element=element)
    write = f"%w = torch.aten.append.t %r, %x : !torch.list<{element}>, {kind} -> !torch.list<{element}>\n"
    _, module = rewritten(text.replace("func.return", f"{write}func.return"), ExpandSplits())
    names = [op.schema.full_name for op in module.walk() if isinstance(op, AtenOp)]
    assert names == ["aten::slice.Tensor", "aten::slice.Tensor", "aten::append.t"]


Y, LIST = "!torch.vtensor<[5],f32>", "!torch.list<vtensor>"


@pytest.mark.parametrize(
    ("name", "second", "wanted"),
    [
        ("broadcast_tensors", X, ["expand"]),
        ("meshgrid", Y, ["view", "expand", "view", "expand"]),
        ("atleast_2d.Sequence", X, ["reshape"]),
    ],
)
def test_views_of_several_tensors_become_views_of_each(name: str, second: str, wanted: list[str]) -> None:
    """Those that have the shape already stay as they are."""
    body = f"%l = torch.prim.ListConstruct %y, %x : ({Y}, {second}) -> {LIST}\n"
    body += f'%r = torch.operator "aten.{name}"(%l) : ({LIST}) -> {LIST}\nfunc.return %r : {LIST}'
    text = f"func.func @f(%y : {Y}, %x : {second}) -> {LIST} {{\n{body}\n}}"
    _, module = rewritten(text, ExpandSplits())
    found = [op.schema.name.removeprefix("aten::") for op in module.walk() if isinstance(op, AtenOp)]
    assert found == wanted
