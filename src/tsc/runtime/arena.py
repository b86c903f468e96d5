"""Scratch memory of running calls: one arena per call in flight, kept for the next call."""

import ctypes


class ArenaPool:
    """A linked list of free arenas of one size, taken and put back by native code that holds the GIL.

    Each arena is a block of `PyMem_RawMalloc`: its first bytes align it, and the 64 bytes before the arena
    hold the next free arena and the block's own address. The memory is freed with this object.
    """

    def __init__(self, head_address: int):
        self._head_address = head_address

    def free_blocks(self) -> int:
        """How many arenas wait for a call."""
        return len(self._free_list())

    def _free_list(self) -> list[int]:
        found: list[int] = []
        arena = ctypes.c_int64.from_address(self._head_address).value
        while arena:
            found.append(arena)
            arena = ctypes.c_int64.from_address(arena - 64).value
        return found

    def close(self) -> None:
        """Give all free arenas back to the system."""
        free = ctypes.pythonapi.PyMem_RawFree
        for arena in self._free_list():
            free(ctypes.c_void_p(ctypes.c_int64.from_address(arena - 56).value))
        ctypes.c_int64.from_address(self._head_address).value = 0
