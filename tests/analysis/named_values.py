"""Small functions as text, whose values and operations tests ask for by the names the text gives them."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tests.passes.rewriting import Weights, parse
from tsc.dialects.aten import AtenOp
from tsc.dialects.context import TorchContext

T, V = "!torch.tensor", "!torch.vtensor<[2,3],f32>"
TENSORS, PAIR = "!torch.list<tensor>", "!torch.tuple<tensor, tensor>"
BOX, ANY, DICT = '!torch.class<"Box">', "!torch.any", "!torch.dict<str, tensor>"
SELECT = f"torch.aten.select.int {{}}, %n, %n : {T}, !torch.int, !torch.int -> {T}"
ITEM = f"torch.aten.__getitem__.t {{}}, %n : {TENSORS}, !torch.int -> {T}"


class Named:
    """A module of one function, with its values by name."""

    def __init__(self, context: TorchContext, module: ModuleOp) -> None:
        self.context, self.module = context, module
        self.function = next(op for op in module.ops if isinstance(op, FuncOp))
        self.values: dict[str, SSAValue] = {}
        for op in module.walk():
            for value in (*op.results, *(a for r in op.regions for b in r.blocks for a in b.args)):
                if value.name_hint is not None:
                    assert value.name_hint not in self.values, f"two values are called {value.name_hint}"
                    self.values[value.name_hint] = value

    def __getitem__(self, name: str) -> SSAValue:
        return self.values[name]

    def maker(self, name: str) -> Operation:
        """The operation that makes the value `name`."""
        owner = self[name].owner
        assert isinstance(owner, Operation)
        return owner

    def operator(self, name: str) -> AtenOp:
        """The operator that makes the value `name`."""
        owner = self.maker(name)
        assert isinstance(owner, AtenOp)
        return owner

    def first(self, name: str) -> Operation:
        """The first operation called `name`: ``torch.prim.If``."""
        return next(op for op in self.module.walk() if op.name == name)


def named(
    arguments: str, body: str, returned: str = "", weights: Weights | None = None, others: str = ""
) -> Named:
    """The function that runs `body` and returns `returned`: ``%a : T``; `others` are more functions."""
    values, _, kinds = returned.partition(" : ")
    end = f"func.return {values}{f' : {kinds}' if kinds else ''}"
    return Named(*parse(f"func.func @f({arguments}) -> ({kinds}) {{\n{body}\n{end}\n}}\n{others}", weights))


def branch(then: str, otherwise: str, kind: str, name: str = "r", condition: str = "c") -> str:
    """A branch that gives `then` or `otherwise`, each perhaps after lines that make it: ``line; %a``."""
    sides: list[str] = []
    for side in (then, otherwise):
        *lines, value = side.split("; ")
        sides.append("\n".join([*lines, f"torch.prim.If.yield {value} : {kind}"]))
    return f"%{name} = torch.prim.If %{condition} -> ({kind}) {{\n{sides[0]}\n}} else {{\n{sides[1]}\n}}"


def loop(start: str, body: str, kind: str, name: str = "r") -> str:
    """A loop that carries one value, called ``%carried`` inside; `body` is ``line; %next``."""
    *lines, value = body.split("; ")
    inside = "\n".join([*lines, f"torch.prim.Loop.condition %c, iter({value} : {kind})"])
    return (
        f"%{name} = torch.prim.Loop %n, %c, init({start}) {{\n^bb0(%i: !torch.int, %carried: {kind}):\n"
        f"{inside}\n}} : (!torch.int, !torch.bool, {kind}) -> {kind}"
    )
