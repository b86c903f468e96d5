"""A model is traced, saved and loaded for inference."""

import os
import tempfile

import torch

model = torch.nn.Linear(3, 2).cpu()
for parameter in model.parameters():
    torch.nn.init.constant_(parameter, 0.5)
example = torch.arange(6.0).reshape(2, 3)
traced = torch.jit.trace(model, example)
with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "model.pt")
    torch.jit.save(traced, file)
    loaded = torch.jit.load(file, map_location="cpu")
    output = loaded(example)
result = [traced(example).tolist(), output.tolist()]
