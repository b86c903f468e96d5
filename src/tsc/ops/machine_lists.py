"""How operators on lists are said in LLVM IR: see `tsc.ops.machine_forms`."""

from __future__ import annotations

from typing import Any

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import UnsupportedOperatorError
from tsc.ops.machine_forms import Machine, MachineForm

END = str(2**63 - 1)


def size(machine: Machine, items: str) -> str:
    """How many elements a list has."""
    return machine.op(f"load i64, ptr {machine.op(f'getelementptr i64, ptr {items}, i64 1')}")


def _place(machine: Machine, items: str, index: str) -> str:
    """A place counted from the front, which there is."""
    count = size(machine, items)
    is_negative = machine.op(f"icmp slt i64 {index}, 0")
    from_end = machine.op(f"add i64 {index}, {count}")
    place = machine.op(f"select i1 {is_negative}, i64 {from_end}, i64 {index}")
    machine.trap_if(machine.op(f"icmp uge i64 {place}, {count}"))
    return place


def item(machine: Machine, items: str, index: str, *, kind: TorchType) -> Any:
    """``items[index]``."""
    return machine.load(items, _place(machine, items, index), kind)


def set_item(machine: Machine, items: str, index: str, value: Any, *, kind: TorchType) -> str:
    """``items[index] = value``."""
    machine.store(items, _place(machine, items, index), value, kind)
    return items


def append(machine: Machine, items: str, value: Any, *, kind: TorchType) -> str:
    """``items.append(value)``."""
    place = machine.helper("appended", items, str(machine.words(kind)))
    machine.store(items, place, value, kind)
    return items


def pop(machine: Machine, items: str, index: str, *, kind: TorchType) -> Any:
    """``items.pop(index)``."""
    place = _place(machine, items, index)
    value = machine.load(items, place, kind)
    machine.helper("removed", items, place, str(machine.words(kind)))
    return value


def repeated(machine: Machine, items: str, count: str, *, kind: TorchType) -> str:
    """``items * count``."""
    return machine.helper("repeated", items, count, str(machine.words(kind)))


def added(machine: Machine, a: str, b: str, *, kind: TorchType) -> str:
    """``a + b``."""
    found = copied(machine, a, kind=kind)
    extend(machine, found, b, kind=kind)
    return found


def extend(machine: Machine, items: str, more: str, *, kind: TorchType) -> str:
    """``items.extend(more)``."""
    machine.helper("extended", items, more, str(machine.words(kind)))
    return items


def copied(machine: Machine, items: str, *, kind: TorchType) -> str:
    """``list(items)``."""
    return machine.helper("sliced", items, "0", END, str(machine.words(kind)))


def sliced(
    machine: Machine, items: str, start: str | None, end: str | None, step: str, *, kind: TorchType
) -> str:
    """``items[start:end]``; other steps than 1 leave."""
    if step != "1":
        machine.trap_if(machine.op(f"icmp ne i64 {step}, 1"))
    return machine.helper("sliced", items, start or "0", end or END, str(machine.words(kind)))


def clear(machine: Machine, items: str, *, kind: TorchType) -> None:
    """``items.clear()``."""
    machine.op(f"store i64 0, ptr {machine.op(f'getelementptr i64, ptr {items}, i64 1')}")


def length(machine: Machine, items: str, *, kind: TorchType) -> str:
    """``len(items)``."""
    return size(machine, items)


def total(machine: Machine, items: str, *, kind: TorchType) -> str:
    """``sum(items)``, of ints and bools modulo 2^64."""
    return machine.ask("float_sum" if kind is tt.FLOAT else "int_sum", items)


def contains(machine: Machine, items: str, wanted: str, *, kind: TorchType) -> str:
    """``wanted in items``, of ints.

    Raises:
        UnsupportedOperatorError: of others.
    """
    if kind is not tt.INT:
        raise UnsupportedOperatorError(f"native code does not look for values of type {kind}")
    place = machine.ask("int_place", items, wanted)
    return machine.op(f"icmp sge i64 {place}, 0")


def extreme(is_greatest: bool) -> MachineForm:
    """``max(items)`` or ``min(items)``; of bools as ints."""

    def write(machine: Machine, items: str, *, kind: TorchType) -> str:
        machine.trap_if(machine.op(f"icmp eq i64 {size(machine, items)}, 0"))
        found = machine.ask(
            "float_extreme" if kind is tt.FLOAT else "int_extreme", items, str(is_greatest).lower()
        )
        return machine.op(f"trunc i64 {found} to i1") if kind is tt.BOOL else found

    return write


LIST_FORMS: dict[str, MachineForm] = {
    "append": append, "__getitem__": item, "_set_item": set_item, "len": length, "pop": pop, "add": added,
    "extend": extend, "add_": extend, "copy": copied, "list": copied, "slice": sliced, "clear": clear,
    "__contains__": contains,
}  # fmt: skip
"""By the names of lists' operators; each takes the type of the elements as well."""
