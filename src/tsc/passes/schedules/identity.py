"""When two kernels are the same: a key from ops, types and attributes, blind to names."""

from xdsl.dialects import func
from xdsl.ir import Attribute, Block, Operation, SSAValue

IGNORED = frozenset({"sym_name", "doc"})


def structural_key(function: func.FuncOp) -> tuple[object, ...]:
    """Equal for two functions that compute the same on the same types, whatever they and their values are
    called.
    """
    numbers: dict[SSAValue, int] = {}
    key: list[object] = [function.function_type, *_attributes(function)]
    _block_key(function.body.block, numbers, key)
    return tuple(key)


def _block_key(block: Block, numbers: dict[SSAValue, int], key: list[object]) -> None:
    for argument in block.args:
        numbers[argument] = len(numbers)
        key.append(argument.type)
    for op in block.ops:
        _op_key(op, numbers, key)
    key.append("end")


def _op_key(op: Operation, numbers: dict[SSAValue, int], key: list[object]) -> None:
    key.append(op.name)
    key.extend(numbers.get(v, -1) for v in op.operands)
    key.extend(_attributes(op))
    for region in op.regions:
        for block in region.blocks:
            _block_key(block, numbers, key)
    for result in op.results:
        numbers[result] = len(numbers)
        key.append(result.type)


def _attributes(op: Operation) -> list[tuple[str, Attribute]]:
    entries = {**op.properties, **op.attributes}
    return sorted(((n, a) for n, a in entries.items() if n not in IGNORED), key=lambda entry: entry[0])
