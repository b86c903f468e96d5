"""What operators do to memory and to the generator of random numbers, observed on PyTorch: every definition
is held to it, on the samples and on the same samples with other strides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from tsc.memory.conjugates import follow_writes, is_conjugate_view, show_one_memory
from tsc.narrowing import is_sequence
from tsc.ops.composite import eager_aten
from tsc.ops.definition import Effect, Operator, ResultLayout, Sharing
from tsc.ops.elementwise import spec_of
from tsc.ops.registry import operators
from tsc.ops.variants import functional_name

from .expected_failures import STRICTER, STRIDES
from .matching import call_torch, cloned, ours, tensors_of, to_numpy
from .samples import calls_of
from .test_against_torch import ERRORS

pytestmark = pytest.mark.filterwarnings("ignore")
PER_ORIGIN = 6
NAMES = sorted(n for n, o in operators().items() if o.schema.name.startswith("aten::") and o.kind != "python")


def permuted(value: Any) -> Any:
    """The value with the last two dims of its tensors exchanged in memory."""
    if isinstance(value, torch.Tensor) and value.ndim >= 2:
        return value.transpose(-1, -2).clone(memory_format=torch.contiguous_format).transpose(-1, -2)
    return [permuted(v) for v in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]


def turned(value: Any) -> Any:
    """The value with all dims of its tensors in the opposite order in memory; vectors as two columns."""
    if isinstance(value, torch.Tensor):
        is_split = value.ndim == 1 and value.numel() % 2 == 0 and value.numel() > 0
        wide = value.reshape(2, -1) if is_split else value
        order = list(reversed(range(wide.ndim)))
        return wide.permute(order).contiguous().permute(order)
    return [turned(v) for v in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]


def channels_last(value: Any) -> Any:
    """The value with the tensors that may be images or volumes as PyTorch stores those with channels last."""
    if isinstance(value, torch.Tensor) and value.ndim in (4, 5):
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        return value.clone(memory_format=formats[value.ndim])
    return [channels_last(v) for v in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]


def expanded(value: Any) -> Any:
    """The value with tensors that repeat their first row, in memory that holds it once."""
    if isinstance(value, torch.Tensor) and value.ndim >= 2 and value.numel():
        return value[:1].clone().expand(value.shape)
    return [expanded(v) for v in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]


def as_it_lies(value: Any) -> Any:
    """`tsc`'s view of a PyTorch value: tensors over copies of their storage, with their strides."""
    if isinstance(value, torch.Tensor):
        plain = value.detach().resolve_conj().resolve_neg()
        storage = plain.untyped_storage().clone()
        place = (plain.storage_offset(), plain.shape, plain.stride())
        return to_numpy(torch.empty(0, dtype=plain.dtype).set_(storage, *place))[...]
    return [as_it_lies(v) for v in value] if isinstance(value, list) else ours(value)  # pyright: ignore[reportUnknownVariableType]


@dataclass
class Call:
    """One call as PyTorch and as `tsc` ran it."""

    drew: bool
    pairs: list[tuple[torch.Tensor, np.ndarray[Any, Any]]]
    """The tensors of the result."""
    given: list[tuple[torch.Tensor, np.ndarray[Any, Any]]]
    """The tensors among the arguments."""

    def shared(self) -> Iterator[tuple[bool, bool]]:
        """For each result and argument: whether they share memory in PyTorch, and in `tsc`."""
        for theirs, mine in self.pairs:
            for there, here in self.given:
                if theirs.numel() and there.numel():
                    same = theirs.untyped_storage().data_ptr() == there.untyped_storage().data_ptr()
                    follows = is_conjugate_view(mine) and show_one_memory(mine, here)
                    yield same, follows or bool(np.shares_memory(mine, here))


LIES: tuple[Callable[[Any], Any], ...] = (lambda value: value, permuted, turned, channels_last, expanded)
"""Other strides for the tensors of a call."""


def calls(operator: Operator) -> Iterator[Call]:
    """The samples of an operator that both libraries can run, as given and with other strides."""
    for samples in calls_of(operator.schema).values():
        for sample in samples[:PER_ORIGIN]:
            for lie in LIES:
                call = _run(operator, lie(cloned(sample)))
                if call is not None:
                    yield call


def _run(operator: Operator, arguments: list[Any]) -> Call | None:
    mine = as_it_lies(arguments)
    before = torch.get_rng_state()
    try:
        want, got = call_torch(operator.schema, arguments), operator.eager(*mine)
    except ERRORS:
        return None
    pairs = list(zip(tensors_of(want), tensors_of(got), strict=False))
    if any(type(g) is not np.ndarray or g.shape != tuple(w.shape) for w, g in pairs):
        return None
    given = list(zip(tensors_of(arguments), tensors_of(mine), strict=True))
    return Call(not torch.equal(before, torch.get_rng_state()), pairs, given)


@pytest.mark.parametrize("name", NAMES)
def test_draws_and_sharing_are_pytorchs(name: str) -> None:
    operator = operators()[name]
    for call in calls(operator):
        assert operator.draws or not call.drew
        for theirs, mine in call.shared():
            assert theirs == mine
            assert operator.may_share or not theirs
            assert operator.sharing is Sharing.SOMETIMES or not operator.is_view or theirs or mine is False


@pytest.mark.parametrize("name", [n for n in NAMES if not operators()[n].schema.mutates])
def test_a_result_is_the_very_argument_where_pytorchs_is(name: str) -> None:
    for call in calls(operators()[name]):
        for theirs, mine in call.pairs:
            are_given = [theirs is there for there, _ in call.given]
            assert are_given == [mine is here for _, here in call.given]
            assert operators()[name].may_give_argument or not any(are_given)


@pytest.mark.parametrize("name", NAMES)
def test_strides_are_pytorchs(name: str) -> None:
    operator = operators()[name]
    differing = [
        (theirs.shape, theirs.stride(), [s // mine.itemsize for s in mine.strides])
        for call in calls(operator)
        for theirs, mine in call.pairs
        if theirs.numel() > 1
        and any(
            n > 1 and s != t // mine.itemsize
            for n, s, t in zip(theirs.shape, theirs.stride(), mine.strides, strict=True)
        )
    ]
    assert bool(differing) == (name in STRIDES), differing[:3]


IN_PLACE = [
    n for n in NAMES if operators()[n].kind == "inplace" and operators()[n].schema.arguments[0].is_written
]


@pytest.mark.parametrize("name", IN_PLACE)
def test_writes_to_expanded_memory_raise_where_pytorchs_do(name: str) -> None:
    operator = operators()[name]
    accepted: set[bool] = set()
    for samples in calls_of(operator.schema).values():
        for sample in samples[:PER_ORIGIN]:
            first = sample[0]
            if not (isinstance(first, torch.Tensor) and first.numel() and first.ndim and first.shape[0] > 1):
                continue
            expanded = first[:1].clone().expand(first.shape)
            mine = as_it_lies([expanded, *cloned(sample[1:])])
            error = _error_of_torch(operator, [expanded, *cloned(sample[1:])])
            if error is None:
                accepted.add(_accepts(operator, mine))
            elif "single memory location" in error:
                with pytest.raises(RuntimeError, match="single memory location"):
                    operator.eager(*mine)
    assert accepted <= {name not in STRICTER}


def _accepts(operator: Operator, arguments: list[Any]) -> bool:
    try:
        operator.eager(*arguments)
    except RuntimeError as error:
        if "single memory location" not in str(error):
            raise
        return False
    return True


def _error_of_torch(operator: Operator, arguments: list[Any]) -> str | None:
    try:
        call_torch(operator.schema, arguments)
    except ERRORS as error:
        return str(error)
    return None


def numbered(like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array of the same shape and dtype with other elements."""
    made = np.empty_like(like)
    np.put(made, np.arange(like.size), np.arange(like.size))
    return made


@pytest.mark.parametrize("name", [n for n in NAMES if operators()[n].inverse is not None])
def test_the_inverse_of_a_view_is_writing_into_it(name: str) -> None:
    operator = operators()[name]
    assert operator.inverse is not None
    tried = 0
    for samples in calls_of(operator.schema).values():
        for sample in samples:
            base, *rest = ours(cloned(sample))
            if name == "aten::view_as":
                rest = []
            try:
                seen = operator.eager(*ours(cloned(sample)))
            except ERRORS:
                continue
            piece: Any = numbered(seen)
            written, *_ = mine = ours(cloned(sample))
            shown = operator.eager(*mine)
            shown[...] = piece
            follow_writes(shown)
            assert np.array_equal(operator.inverse(eager_aten(), base, piece, *rest), written)
            tried += 1
    assert tried or not calls_of(operator.schema)


@pytest.mark.parametrize("name", [n for n in NAMES if operators()[n].is_identity])
def test_identities_keep_elements_where_the_type_stays(name: str) -> None:
    operator = operators()[name]
    for call in calls(operator):
        (_, result), (_, source) = call.pairs[0], call.given[0]
        if spec_of(result) == spec_of(source):
            assert np.array_equal(result, source, equal_nan=result.dtype.kind in "fc")


@pytest.mark.parametrize("name", [n for n in NAMES if operators()[n].shares_by_layout])
def test_what_shares_by_layout_is_row_major_or_a_copy_that_is(name: str) -> None:
    shared: set[bool] = set()
    for call in calls(operators()[name]):
        (theirs, mine), (given, _) = call.pairs[0], call.given[0]
        assert theirs.is_contiguous() == mine.flags.c_contiguous
        shared.add(theirs.data_ptr() == given.data_ptr())
    assert shared == {True, False}


@pytest.mark.parametrize("name", [n for n in NAMES if operators()[n].reads_shape_only])
def test_elements_do_not_count_where_only_the_shape_is_read(name: str) -> None:
    operator = operators()[name]
    for samples in calls_of(operator.schema).values():
        for sample in samples[:PER_ORIGIN]:
            first, *rest = ours(cloned(sample))
            other = np.zeros_like(first)
            results = [operator.eager(a, *rest) for a in (first, other)]
            assert np.array_equal(*results, equal_nan=results[0].dtype.kind in "fc")


def test_in_place_forms_draw_as_their_functional_forms_do() -> None:
    for name, operator in operators().items():
        functional = operators().get(functional_name(operator.schema) or "")
        if functional is not None:
            assert functional.draws == operator.draws, name


def test_views_share_and_new_memory_has_a_layout() -> None:
    for name, operator in operators().items():
        if operator.kind == "view":
            assert operator.may_share, name
        if operator.layout not in (None, ResultLayout.AS_COMPUTED):
            assert not operator.may_share or operator.shares_by_layout, name
        assert operator.effect is Effect.NONE or not is_sequence(operator.infer), name
