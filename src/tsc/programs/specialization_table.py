"""What functions and modules say of their specializations: ``print(m.specializations())``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tsc.compiler.sizes import SymbolicKey
from tsc.compiler.specialization import Outlined, Specialization
from tsc.dialects.torch_types import TensorType
from tsc.dialects.tsc import GENERATOR
from tsc.dims import is_known
from tsc.errors import ArgumentError
from tsc.passes.specialize import CONSTANTS, NUMBERS, parse_spec, split_entries
from tsc.printing.columns import columns
from tsc.programs.object_state import AttributeGuard, taken_paths
from tsc.programs.version import Version
from tsc.programs.versions import Versions
from tsc.runtime.specializations import Specializations


@dataclass(frozen=True)
class SpecializedArgument:
    """What a specialization takes in one place."""

    name: str
    """Of the parameter; ``self.h`` for an attribute that the compiled code takes as an argument."""
    text: str
    """In words: ``float32[4, 8]``, ``float32[s0, 8]`` (any first size), ``3``, ``int`` (any), ``[float32[2],
    float32[2]]``.
    """
    shape: tuple[int | str, ...] | None = None
    """Of a tensor; symbolic sizes as expressions in words: ``("s0", "2*s0", 8)``."""
    dtype: str | None = None
    """Of a tensor."""

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


@dataclass(frozen=True)
class SpecializationInfo:
    """One specialization of a function or method: what it is for, and what it became."""

    method: str
    arguments: tuple[SpecializedArgument, ...]
    """What calls must give: shapes and dtypes of tensors, the very numbers and strings elsewhere."""
    guards: tuple[str, ...]
    """What else must hold at a call: of attributes of a module that is not frozen, of symbolic sizes."""
    tier: str
    """``native`` (one call of machine code), ``mixed`` (Python around native kernels), or ``generic``
    (Python).
    """
    reason: str | None
    """Why it is not native."""
    cause: str
    """Why it was made: ``first call``, ``called again`` (a module that is not frozen is compiled then), ``new
    shape of 'x'``, ``new value of 'n'``, ``symbolic sizes of 'x'``, ``changed: self.training``.
    """
    hits: int
    """How many calls it has run, those included that went straight to native code. (Calls of mixed and
    generic ones by several threads at once may lose some.)
    """
    kernels: int
    """Native kernels, or parts that are native."""
    arena_bytes: int
    """Scratch memory of one call of native code."""
    code_bytes: int
    """Machine code of native code, with its tables."""
    compile_seconds: float | None = None
    """What compiling took; None where it was found on disk, or not compiled."""

    @property
    def is_native(self) -> bool:
        """Whether a call is one call of machine code."""
        return self.tier == "native"


class SpecializationTable(list[SpecializationInfo]):
    """Specializations, the oldest first of each method, and those of its parts after it; its `str` is a
    table.
    """

    def __str__(self) -> str:
        if not self:
            return "no specializations: nothing was compiled yet"
        header = ("method", "arguments", "runs", "hits", "made for", "kernels", "arena", "code")
        rows = [header, *map(_row, self)]
        lines = columns(rows)
        table = [lines[0]]
        for line, info in zip(lines[1:], self, strict=True):
            table.append(line)
            table += [f"    where {guard}" for guard in info.guards]
            table += [f"    not native: {info.reason}"] if info.reason is not None else []
        return "\n".join(table)


def _row(info: SpecializationInfo) -> tuple[str, ...]:
    arguments = ", ".join(map(str, info.arguments)) or "none"
    kernels, arena, code = str(info.kernels), size_text(info.arena_bytes), size_text(info.code_bytes)
    return (info.method, arguments, info.tier, str(info.hits), info.cause, kernels, arena, code)


def size_text(size_bytes: int) -> str:
    """A number of bytes as people read it: ``1.5 KiB``; ``-`` for none."""
    if size_bytes == 0:
        return "-"
    size, units = float(size_bytes), ["B", "KiB", "MiB", "GiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


def specialization_table(method: str, parameters: Sequence[str], versions: Versions) -> SpecializationTable:
    """The specializations of one function or method, whose parameters these are."""
    made = SpecializationTable()
    for version in versions.made:
        names = argument_names(parameters, version)
        known = list(version.specializations.table.items())
        for number, (key, found) in enumerate(known):
            earlier = [other for other, _ in known[:number]]
            cause = version.cause if not earlier else cause_of(key, earlier, names)
            made.append(_info(method, key, found, version.specializations, version.guard, names, cause))
        made += _of_parts(method, version.in_parts.made)
    return made


def _of_parts(method: str, outlined: Outlined | None) -> Iterator[SpecializationInfo]:
    """The specializations of the parts of a function."""
    for number, part in enumerate(outlined.parts if outlined is not None else ()):
        names = [value.name_hint or f"argument {n}" for n, value in enumerate(part.entry.arguments)]
        known = list(part.specializations.table.items())
        for position, (key, found) in enumerate(known):
            cause = cause_of(key, [other for other, _ in known[:position]], names)
            yield _info(f"{method}, part {number}", key, found, part.specializations, None, names, cause)


def argument_names(parameters: Sequence[str], version: Version) -> list[str]:
    """What the arguments of a version's function are called, attributes included."""
    paths = taken_paths(version.specialized.function)
    return [*parameters, *(path if path.startswith(GENERATOR) else f"self.{path}" for path in paths)]


def _info(
    method: str, key: Sequence[str], found: Specialization | None, table: Specializations,
    guard: AttributeGuard | None, names: Sequence[str], cause: str,
) -> SpecializationInfo:  # fmt: skip
    """`cause` is why there is one, where its sizes are not symbolic."""
    code = None if found is None else found.code
    kernels = 0 if found is None else len(found.compilation.kernels)
    symbolic = None if found is None else found.symbolic
    spelled: Sequence[str] = key if symbolic is None else symbolic.key
    sizes: Sizes = {} if symbolic is None else symbolic.sizes.values
    guards = [] if guard is None else [*guard.texts()]
    return SpecializationInfo(
        method=method,
        arguments=arguments_of(spelled, names, sizes),
        guards=(*guards, *(() if symbolic is None else symbolic.guards)),
        tier="generic" if found is None else found.tier,
        reason=table.refused.get(tuple(key)) if found is None else found.reason,
        cause=cause if symbolic is None else _symbolic_cause(symbolic, names),
        hits=table.calls[tuple(key)] if code is None else code.calls,
        kernels=kernels,
        arena_bytes=0 if code is None else code.arena_bytes,
        code_bytes=0 if code is None else code.code_bytes,
        compile_seconds=None if found is None else sum(found.compilation.seconds.values()) or None,
    )


# --- keys ---


Sizes = Mapping[str, Any]
"""What names of sizes stand for."""


def arguments_of(
    key: Sequence[str], names: Sequence[str], sizes: Sizes = MappingProxyType({})
) -> tuple[SpecializedArgument, ...]:
    """The arguments of a key, as the pass `specialize` spells them; `sizes` are those that have names."""
    named = [*names, *(f"argument {n}" for n in range(len(names), len(key)))]
    return tuple(_argument(name, text, sizes) for name, text in zip(named, key, strict=False))


def _argument(name: str, text: str, sizes: Sizes) -> SpecializedArgument:
    tensor = _tensor(text, sizes)
    if tensor is None or tensor.sizes is None or tensor.dtype is None:
        return SpecializedArgument(name, _words(text, sizes))
    shape = tuple(n if is_known(n) else str(n) for n in tensor.sizes)
    return SpecializedArgument(name, _words(text, sizes), shape, tensor.dtype.name)


def _symbolic_cause(symbolic: SymbolicKey, names: Sequence[str]) -> str:
    named = [name for name, text in zip(names, symbolic.key, strict=False) if symbolic.names_sizes(text)]
    return f"symbolic sizes of {', '.join(map(repr, named))}"


def _tensor(text: str, sizes: Sizes = MappingProxyType({})) -> TensorType | None:
    if text[:1] in ("[", "{") or text in CONSTANTS or text in NUMBERS or ":" in text:
        return None
    try:
        return parse_spec(text, sizes)
    except ArgumentError:
        return None


def _words(text: str, sizes: Sizes) -> str:
    """An entry of a key in Python's words."""
    if text.startswith("["):
        return f"[{', '.join(_words(entry, sizes) for entry in split_entries(text[1:-1]))}]"
    if text.startswith("{"):
        pairs = [entry.partition("=") for entry in split_entries(text[1:-1])]
        return f"{{{', '.join(f'{_words(key, sizes)}: {_words(value, sizes)}' for key, _, value in pairs)}}}"
    if text in CONSTANTS:
        return repr(CONSTANTS[text])
    kind, separator, value = text.partition(":")
    if separator:
        return repr(value) if kind == "str" else value
    tensor = _tensor(text, sizes)
    if tensor is None or tensor.sizes is None or tensor.dtype is None:
        return text
    return f"{tensor.dtype.name}[{', '.join(map(str, tensor.sizes))}]"


def cause_of(key: Sequence[str], earlier: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    """Why a key has a specialization of its own: how it differs from the most similar earlier one."""

    def differing(other: Sequence[str]) -> list[int]:
        return [i for i, (a, b) in enumerate(zip(key, other, strict=False)) if a != b]

    if not earlier:
        return "first call"
    nearest = min(reversed(earlier), key=lambda other: len(differing(other)))
    changes: dict[str, list[str]] = {}
    for i in differing(nearest):
        changes.setdefault(_change(key[i], nearest[i]), []).append(f"'{names[i] if i < len(names) else i}'")
    return (
        "; ".join(f"new {change} of {', '.join(where)}" for change, where in changes.items()) or "first call"
    )


def _change(now: str, before: str) -> str:
    a, b = _tensor(now), _tensor(before)
    if a is not None and b is not None:
        return "shape" if a.dtype is b.dtype else "dtype"
    kind, other = now.partition(":")[0], before.partition(":")[0]
    is_value = (kind == other and ":" in now) or {now, before} <= {"true", "false"}
    containers: Any = now[:1] in ("[", "{") and now[:1] == before[:1]
    return "value" if is_value else "contents" if containers else "kind"
