"""`find-sizes`: masks are counted, and the counts are sizes."""

from __future__ import annotations

import pytest
from xdsl.dialects.func import FuncOp

from tests.passes.rewriting import parse
from tsc.analysis.index_ranges import is_below
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.tsc import FindSizeOp
from tsc.dialects.walking import walk
from tsc.dims import holds_found, most_of
from tsc.passes.find_sizes import FindSizes, has_sizes_to_find
from tsc.passes.refine_types import RefineTypes

X, M, LIST = "!torch.vtensor<[4,3],f32>", "!torch.vtensor<[4,3],i1>", "!torch.list<optional<vtensor>>"
UNKNOWN = "!torch.vtensor<[?],f32>"


def function(body: str, results: str, arguments: str = f"%x : {X}, %m : {M}") -> FuncOp:
    text = f"func.func @f({arguments}) -> ({results.partition(' : ')[2]}) {{\n{body}\n  return {results}\n}}"
    context, module = parse(text)
    FindSizes().apply(context, module)
    RefineTypes().apply(context, module)
    return next(op for op in module.ops if isinstance(op, FuncOp))


def returned(made: FuncOp) -> tt.TensorType:
    end = made.body.block.last_op
    assert end is not None
    kind = end.operands[0].type
    assert isinstance(kind, tt.TensorType)
    return kind


def only_size(kind: tt.TensorType) -> int:
    sizes = kind.sizes
    assert sizes is not None
    assert len(sizes) == 1
    return sizes[0]


def names(made: FuncOp) -> list[str]:
    return [op.schema.full_name for op in walk(made) if isinstance(op, AtenOp)]


SELECTED = f"  %y = torch.aten.masked_select %x, %m : {X}, {M} -> {UNKNOWN}"


def test_a_selection_is_as_large_as_its_mask_holds() -> None:
    made = function(SELECTED, f"%y : {UNKNOWN}")
    size = only_size(returned(made))
    assert holds_found(size)
    assert most_of(size) == 12
    (finder,) = [op for op in walk(made) if isinstance(op, FindSizeOp)]
    assert finder.size.same(size)
    assert "aten::masked_select" not in names(made)


def test_equal_masks_find_one_size() -> None:
    zero, kind = "  %0 = torch.constant.int 0", "!torch.vtensor<[4,3],i1>"
    masks = "\n".join(
        f"  %m{i} = torch.aten.gt.Scalar %x, %0 : {X}, !torch.int -> {kind}\n"
        f"  %y{i} = torch.aten.masked_select %x, %m{i} : {X}, {kind} -> {UNKNOWN}"
        for i in (1, 2)
    )
    made = function(f"{zero}\n{masks}", f"%y1, %y2 : {UNKNOWN}, {UNKNOWN}", f"%x : {X}")
    assert len([op for op in walk(made) if isinstance(op, FindSizeOp)]) == 1


def test_places_are_in_range() -> None:
    kind = "!torch.vtensor<[?,2],si64>"
    made = function(f"  %y = torch.aten.nonzero %m : {M} -> {kind}", f"%y : {kind}")
    limits = {"aten::reshape": 12, "aten::div.Scalar_mode": 4, "aten::remainder.Scalar": 3}
    seen: set[str] = set()
    for op in walk(made):
        limit = limits.get(op.schema.full_name) if isinstance(op, AtenOp) else None
        if limit is not None and isinstance(op, AtenOp) and returned_size(op) != 12:
            seen.add(op.schema.full_name)
            assert is_below(op.results[0], limit)
            assert not is_below(op.results[0], limit - 1)
    assert seen == limits.keys()


def returned_size(op: AtenOp) -> int:
    kind = op.results[0].type
    assert isinstance(kind, tt.TensorType)
    size = only_size(kind)
    return 0 if holds_found(size) else size


def test_a_mask_without_elements_is_left() -> None:
    kind = "!torch.vtensor<[0],i1>"
    body = f"  %y = torch.aten.nonzero %m : {kind} -> !torch.vtensor"
    assert names(function(body, "%y : !torch.vtensor", f"%m : {kind}")) == ["aten::nonzero"]


def entry(text: str) -> FuncOp:
    (found,) = parse(text)[1].ops
    assert isinstance(found, FuncOp)
    return found


def test_what_may_have_sizes_to_find() -> None:
    text = f"func.func @f(%x : {X}, %m : {M}) -> ({UNKNOWN}) {{\n{SELECTED}\n  return %y : {UNKNOWN}\n}}"
    assert has_sizes_to_find(entry(text), ("4x3xf32", "4x3xi1"))
    relu = (
        f"func.func @f(%x : {X}) -> ({X}) {{\n  %y = torch.aten.relu %x : {X} -> {X}\n  return %y : {X}\n}}"
    )
    assert not has_sizes_to_find(entry(relu), ("4x3xf32",))


@pytest.mark.parametrize(("first", "second", "wanted"), [
    ("int", "int:2", True), ("int:3", "int", True), ("int:3", "int:2", False),
])  # fmt: skip
def test_numbers_that_differ_from_call_to_call_are_sizes_to_find(
    first: str, second: str, wanted: bool
) -> None:
    text = f"""func.func @f(%x : {X}, %n : !torch.int, %m : !torch.int) -> ({UNKNOWN}) {{
      %0 = torch.constant.int 0
      %1 = torch.constant.int 1
      %e = torch.aten.add.int %n, %m : !torch.int, !torch.int -> !torch.int
      %y = torch.operator "aten.slice.Tensor"(%x, %0, %0, %e, %1)
        : ({X}, !torch.int, !torch.int, !torch.int, !torch.int) -> {UNKNOWN}
      return %y : {UNKNOWN}
    }}"""
    assert has_sizes_to_find(entry(text), ("4x3xf32", first, second)) == wanted
