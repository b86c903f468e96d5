# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""`istft`: frames are added up as PyTorch adds them, however they overlap."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tsc


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("hop", "win_length"), [(16, 64), (24, 64), (16, 48), (32, 40), (64, 64), (7, 64)])
def test_istft_is_that_of_pytorch(hop: int, win_length: int, center: bool) -> None:
    def program(
        s: torch.Tensor, window: torch.Tensor, hop: int, win_length: int, center: bool
    ) -> torch.Tensor:
        return torch.istft(s, 64, hop, win_length, window, center=center)

    compiled: Any = tsc.script(program)
    generator = torch.Generator().manual_seed(0)
    s = torch.view_as_complex(torch.randn(2, 33, 9, 2, generator=generator))
    window = torch.hann_window(win_length) + 0.1
    if not center and win_length < 64:  # the edges of the window are zero
        with pytest.raises(RuntimeError):
            program(s, window, hop, win_length, center)
        with pytest.raises(RuntimeError, match="window overlap add"):
            compiled(s, window, hop, win_length, center)
        return
    wanted = program(s, window, hop, win_length, center)
    got = compiled(s, window, hop, win_length, center)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
    assert got.stride() == wanted.stride()
