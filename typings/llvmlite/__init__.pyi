"""The part of llvmlite that tsc uses."""

from llvmlite import binding as binding

__version__: str
