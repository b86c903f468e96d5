"""What programs ask of gradients. Only who notes what is computed can answer (`tsc.runtime.taping`), or who
differentiates the program (pass `differentiate`).
"""

from __future__ import annotations

from tsc.errors import OperatorError
from tsc.ops.definition import Effect, Family

FAMILY = Family()


def _unanswered(*_: object) -> None:
    raise OperatorError(
        "gradients are asked of the operator itself, which has noted nothing; in Python tsc.autograd "
        "answers, in programs what runs them"
    )


for _name in ("aten::grad", "aten::backward", "aten::backward.TensorList", "prim::grad"):
    FAMILY.op(_name, asks_gradients=True, effect=Effect.READS if "backward" not in _name else Effect.ACTS)(
        _unanswered
    )
