"""How long the phases of a compilation took."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """How long each phase of a compilation took, in nanoseconds; 0 of one that was not needed."""

    parse_ns: int = 0
    optimize_ns: int = 0
    codegen_ns: int = 0
    load_ns: int = 0
