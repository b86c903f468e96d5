"""Says once of a module how it would be faster."""

from __future__ import annotations

import logging
from weakref import WeakSet

from tsc.frontend.unit import ScriptObject
from tsc.options import options

LOG = logging.getLogger("tsc")
_TOLD: WeakSet[ScriptObject] = WeakSet()


def hint_at_freezing(receiver: ScriptObject) -> None:
    """Log it when a module that is in eval mode, and could be frozen, is compiled as it is: its weights may
    then change from call to call, so they are packed in each.
    """
    _tell(
        receiver,
        "%s is called often and not frozen: tsc.optimize_for_inference(module) gives one that is faster "
        "(TSC_HINTS=0 switches this off)",
    )


def hint_at_no_grad(receiver: ScriptObject) -> None:
    """Log it when calls of a module that is in eval mode are recorded again and again: they run in Python."""
    _tell(
        receiver,
        "%s is called often while gradients are recorded, which is slow: call it under tsc.no_grad(), or use "
        "tsc.optimize_for_inference(module) (TSC_HINTS=0 switches this off)",
    )


def _tell(receiver: ScriptObject, text: str) -> None:
    is_told = not options().hints_at_freezing or receiver in _TOLD
    if is_told or receiver.attributes.get("training") is not False:
        return
    _TOLD.add(receiver)
    LOG.warning(text, receiver.cls.name.rpartition(".")[2])
