"""What the scheduling passes and the code generators know about the machine that will run the code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A machine to generate code for. Pure data, so that schedules can be tested for machines that are not
    here.

    `features` is LLVM's flattened feature list (``"+avx2,+fma,-avx512f"``). The CPU name LLVM reports may be
    wrong in a virtual machine; decisions are made from the features.
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bits: int
    vector_registers: int
    has_fma: bool
    l2_bytes: int
    is_gpu: bool = False

    def lanes(self, bits: int) -> int:
        """Elements of `bits` bits in one vector register (at least 1)."""
        return max(1, self.vector_bits // bits)

    def has(self, feature: str) -> bool:
        """Whether LLVM's `feature` is switched on."""
        return f"+{feature}" in self.features.split(",")


GENERIC_X86 = Target("cpu", "x86_64-unknown-linux-gnu", "x86-64", "+sse2", 128, 16, False, 256 << 10)
"""Any 64-bit x86: what is left when nothing is known."""

AVX2 = Target(
    "cpu",
    "x86_64-unknown-linux-gnu",
    "x86-64-v3",
    "+avx,+avx2,+f16c,+fma",
    256,
    16,
    True,
    512 << 10,
)
"""An x86 machine of the last ten years, for tests that must not depend on the host."""

AVX512 = Target(
    "cpu",
    "x86_64-unknown-linux-gnu",
    "x86-64-v4",
    "+avx,+avx2,+avx512bw,+avx512dq,+avx512f,+avx512vl,+f16c,+fma",
    512,
    32,
    True,
    2 << 20,
)
"""An x86 server, for tests that must not depend on the host."""


def ptx(arch: str = "sm_90") -> Target:
    """The NVIDIA GPU generation `arch`; a "vector" is the widest load of one thread (128 bits)."""
    return Target("ptx", "nvptx64-nvidia-cuda", arch, "", 128, 64, True, 32 << 20, is_gpu=True)
