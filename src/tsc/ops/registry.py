"""The operator registry: every operator by its name, read by all stages, the generic tier and the tests."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module

from tsc.errors import UnsupportedOperatorError
from tsc.ops.definition import Operator
from tsc.ops.overlap import guarded
from tsc.ops.strides import laid_out
from tsc.ops.variants import derived_variants, synonyms

FAMILIES = (
    "pointwise", "pointwise_binary", "activations", "reductions", "extrema", "views", "copies",
    "movement", "contractions", "convolutions", "pooling", "adaptive_pooling", "norms",
    "queries", "python_scalars", "creation", "ranges", "literals", "indexing", "advanced_indexing",
    "containers", "dicts", "python_objects", "strings", "random", "random_integers", "distributions",
    "sampling", "dropouts", "random_streams",
    "attention", "index_puts", "scattering", "index_writes",
    "slice_writes", "sorting", "statistics", "aliases", "complex_numbers", "matrices",
    "joining", "resampling", "grids", "patches", "padding", "recurrent", "packed_sequences", "products",
    "integrals",
    "losses", "class_losses", "linear_algebra", "matrix_equations", "factorizations", "tensor_equations",
    "matrix_functions",
    "short_time", "spectral", "special", "numeric", "gamma_functions", "bessel_functions",
    "orthogonal_polynomials",
    "type_questions", "gradients_by_difference", "segments", "resizing",
    "native_norms", "fractional_pooling", "scans", "embedding_bags", "gradients",
)  # fmt: skip
"""The family modules of this package: each has a `Family` called ``FAMILY``, and nothing else registers."""


@cache
def operators() -> dict[str, Operator]:
    """All operators by full name, in-place and ``out=`` variants included."""
    table: dict[str, Operator] = {}
    for family in FAMILIES:
        defined: dict[str, Operator] = import_module(f"tsc.ops.{family}").FAMILY.operators
        doubles = table.keys() & defined.keys()
        if doubles:
            raise ValueError(f"defined in two families: {sorted(doubles)}")
        table.update(defined)
    table.update(synonyms(table))
    table.update(derived_variants(table))
    table.update(_drawn_variants(table))
    return {name: laid_out(guarded(operator)) for name, operator in table.items()}


def _drawn_variants(table: dict[str, Operator]) -> dict[str, Operator]:
    from tsc.ops.random_streams import drawn_variants  # which is in terms of others: of this registry

    return drawn_variants(table)


def find(full_name: str) -> Operator | None:
    """The operator of ``aten::add.Tensor``, or None where this version has no definition."""
    return operators().get(full_name)


def require(full_name: str) -> Operator:
    """The operator of ``aten::add.Tensor``.

    Raises:
        UnsupportedOperatorError: this version has no definition.
    """
    operator = find(full_name)
    if operator is None:
        raise UnsupportedOperatorError(f"operator {full_name} has no definition in this version of tsc")
    return operator


def missing(names: Iterable[str]) -> list[str]:
    """Those of `names` without a definition."""
    return sorted({name for name in names if name not in operators()})
