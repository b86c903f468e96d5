"""Says once of a module that it would be faster frozen."""

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
    is_told = not options().hints_at_freezing or receiver in _TOLD
    if is_told or receiver.attributes.get("training") is not False:
        return
    _TOLD.add(receiver)
    LOG.warning(
        "%s is called often and not frozen: tsc.optimize_for_inference(module) gives one that is faster "
        "(TSC_HINTS=0 switches this off)",
        receiver.cls.name.rpartition(".")[2],
    )
