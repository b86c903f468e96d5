"""Levels of a processor: what machine code is made for, and how a library asks whether it may run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tsc.analysis.target import AVX2, AVX512, GENERIC_X86, Target
from tsc.errors import ArgumentError
from tsc.runtime.host import host_target

EAX, EBX, ECX, EDX = range(4)
AVX_STATE, AVX512_STATE = 0x6, 0xE6
"""Bits of XCR0: the registers that the system saves."""


@dataclass(frozen=True)
class CpuidBit:
    """Where a processor says that it has a feature."""

    leaf: int
    subleaf: int
    register: int
    bit: int
    state: int = 0
    """The registers that the system must save: bits of XCR0."""


def _bits(leaf: int, subleaf: int, register: int, state: int = 0, **bits: int) -> dict[str, CpuidBit]:
    names = {name: name.replace("__", ".").removeprefix("_") for name in bits}
    return {names[n]: CpuidBit(leaf, subleaf, register, bit, state) for n, bit in bits.items()}


FEATURES: dict[str, CpuidBit] = {
    **_bits(1, 0, ECX, sse3=0, pclmul=1, ssse3=9, cx16=13, sse4__1=19, sse4__2=20, crc32=20),
    **_bits(1, 0, ECX, movbe=22, popcnt=23, aes=25, xsave=26, rdrnd=30),
    **_bits(1, 0, ECX, AVX_STATE, fma=12, avx=28, f16c=29),
    **_bits(1, 0, EDX, cx8=8, cmov=15, mmx=23, fxsr=24, sse=25, sse2=26),
    **_bits(7, 0, EBX, bmi=3, bmi2=8, rdseed=18, adx=19, clflushopt=23, clwb=24, sha=29),
    **_bits(7, 0, EBX, AVX_STATE, avx2=5),
    **_bits(7, 0, EBX, AVX512_STATE, avx512f=16, avx512dq=17, avx512ifma=21, avx512cd=28),
    **_bits(7, 0, EBX, AVX512_STATE, avx512bw=30, avx512vl=31),
    **_bits(7, 0, ECX, gfni=8, rdpid=22),
    **_bits(7, 0, ECX, AVX_STATE, vaes=9, vpclmulqdq=10),
    **_bits(7, 0, ECX, AVX512_STATE, avx512vbmi=1, avx512vbmi2=6, avx512vnni=11, avx512bitalg=12),
    **_bits(7, 0, ECX, AVX512_STATE, avx512vpopcntdq=14),
    **_bits(7, 0, EDX, AVX512_STATE, avx512fp16=23),
    **_bits(7, 1, EAX, AVX_STATE, avxvnni=4),
    **_bits(7, 1, EAX, AVX512_STATE, avx512bf16=5),
    **_bits(0x80000001, 0, ECX, sahf=0, lzcnt=5, sse4a=6, prfchw=8, tbm=21),
    **_bits(0x80000001, 0, ECX, AVX_STATE, xop=11, fma4=16),
    **_bits(0x80000001, 0, EDX, _64bit=29),
}
"""The features of x86-64 that a library can ask for, as LLVM names them. Code uses no others.

Source: Intel's and AMD's manuals on CPUID; LLVM's ``Host.cpp`` for which state goes with which feature.
"""

_V1 = ("64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2")
_V2 = (*_V1, "crc32", "cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3")
_V3 = (*_V2, "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave")
_V4 = (*_V3, "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl")


@dataclass(frozen=True)
class Level:
    """A kind of processor that machine code is made for."""

    name: str
    target: Target
    needs: tuple[str, ...]
    """The features that the code may use, all of which are in `FEATURES`."""


def _native() -> Level:
    """The machine that runs the compiler, as far as a library can recognize it."""
    target = host_target()
    entries = target.features.split(",")
    known = sorted(e[1:] for e in entries if e[0] == "+" and e[1:] in FEATURES)
    features = [e if e[1:] in FEATURES else f"-{e[1:]}" for e in entries]
    return Level("native", replace(target, features=",".join(features)), tuple(known))


def _plus(features: tuple[str, ...]) -> str:
    return ",".join(f"+{name}" for name in features)


_FIXED = {
    "x86-64": Level("x86-64", replace(GENERIC_X86, features=_plus(_V1)), _V1),
    "x86-64-v2": Level("x86-64-v2", replace(GENERIC_X86, cpu="x86-64-v2", features=_plus(_V2)), _V2),
    "x86-64-v3": Level("x86-64-v3", replace(AVX2, features=_plus(_V3)), _V3),
    "x86-64-v4": Level("x86-64-v4", replace(AVX512, features=_plus(_V4)), _V4),
}
LEVEL_NAMES = ("native", *_FIXED)


def level(name: str) -> Level:
    """The level called `name`.

    Raises:
        ArgumentError: there is none.
    """
    if name not in LEVEL_NAMES:
        raise ArgumentError(f"cpu: requires one of {', '.join(LEVEL_NAMES)}; got {name}")
    return _native() if name == "native" else _FIXED[name]


def ordered(levels: list[Level]) -> list[Level]:
    """Levels, each once, the most demanding first: the order in which a library tries them."""
    return sorted({level.name: level for level in levels}.values(), key=lambda made: -len(made.needs))
