"""Classes whose instances are told by their bases alone."""

from __future__ import annotations

from abc import ABCMeta


class PlainClass(ABCMeta):
    """The metaclass of operations and types of ours. xDSL's are abstract base classes, for which `isinstance`
    is a call of Python: it asks for virtual subclasses too, of which there are none. Passes ask
    hundreds of thousands of times.
    """

    __instancecheck__ = type.__instancecheck__
