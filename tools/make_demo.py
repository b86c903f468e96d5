"""Write `examples/demo/`: a small residual network saved by PyTorch, an input, and PyTorch's output for it.

Run with PyTorch installed: ``python tools/make_demo.py``.
"""

import re
import struct
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples/demo"
LIBRARIES = Path(torch.__file__).parents[2]
"""What ``site-packages`` is in."""


class Residual(nn.Module):
    """Two convolutions with batch norm, and their input added."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """The block's result, never negative."""
        y = self.norm1(self.conv1(x)).relu_()
        y = self.norm2(self.conv2(y))
        y += x
        return y.relu_()


class DemoNet(nn.Module):
    """A stem, four residual blocks in two resolutions, pooling and a head: 10 classes of 64x64 images."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(32)
        self.blocks1 = nn.Sequential(Residual(32), Residual(32))
        self.pool = nn.MaxPool2d(2)
        self.widen = nn.Conv2d(32, 64, 1)
        self.blocks2 = nn.Sequential(Residual(64), Residual(64))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities."""
        x = self.norm(self.stem(x)).relu_()
        x = self.widen(self.pool(self.blocks1(x)))
        x = self.blocks2(x).mean([2, 3])
        return torch.softmax(self.head(x), dim=-1)


def without_folders(archive: Path, folders: Sequence[str]) -> None:
    """Write an archive anew, with the files of its source lines relative to these folders."""
    library: Any = cast("Any", torch)._C
    reader = library.PyTorchFileReader(str(archive))
    records: dict[str, bytes] = {name: reader.get_record(name) for name in reader.get_all_records()}
    writer = library.PyTorchFileWriter(str(archive))
    for name, record in records.items():
        if name in ("version", "byteorder") or name.startswith(".data/"):
            continue  # the writer adds them
        data = _relative(record, folders) if name.endswith(".debug_pkl") else record
        writer.write_record(name, data, len(data))
    writer.write_end_of_file()


def _relative(pickled: bytes, folders: Sequence[str]) -> bytes:
    """A pickle whose strings do not begin with a folder: a string is ``X``, its length, and its bytes."""
    for folder in folders:
        shorter = partial(_shorter, len(folder))
        pickled = re.sub(b"X(.{4})" + re.escape(folder.encode()), shorter, pickled, flags=re.DOTALL)
    return pickled


def _shorter(length: int, found: re.Match[bytes]) -> bytes:
    return b"X" + struct.pack("<I", struct.unpack("<I", found[1])[0] - length)


def main() -> None:
    """Make the model, run it, save all three files."""
    cast("Any", torch).manual_seed(7)
    model = DemoNet()
    model.train()
    with torch.no_grad():
        for _ in range(20):  # gives the batch norms statistics of their own
            model(torch.randn(8, 3, 64, 64))
    model.eval()
    image = torch.randn(1, 3, 64, 64)
    FOLDER.mkdir(parents=True, exist_ok=True)
    cast("Any", torch.jit).script(model).save(FOLDER / "model.pt")
    without_folders(FOLDER / "model.pt", [f"{LIBRARIES}/", f"{ROOT}/"])
    with torch.no_grad():
        np.savez(FOLDER / "example.npz", input=image.numpy(), output=model(image).numpy())


if __name__ == "__main__":
    main()
