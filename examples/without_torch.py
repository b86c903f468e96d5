"""A small transformer that needs no PyTorch: written with its names, weights from a state dict, scripted,
frozen, and saved for others.
"""

import tempfile
from pathlib import Path

import tsc as torch
from tsc import nn
from tsc.nn.files import load_file, save_file

WORDS, WIDTH, CLASSES = 100, 32, 4


class Classifier(nn.Module):
    """A class for each text, by what its words say to each other."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, nhead=4, dim_feedforward=64, dropout=0.1, batch_first=True)
        self.embed = nn.Embedding(WORDS, WIDTH, padding_idx=0)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Logarithms of probabilities; words are numbers, 0 where a text has ended."""
        seen = self.encoder(self.embed(words), src_key_padding_mask=words == 0)
        return nn.functional.log_softmax(self.head(seen.mean(1)), dim=-1)


def main() -> int:
    """Run the example; 0 when all forms of the model agree."""
    torch.manual_seed(0)
    trained = Classifier()  # as if it had been
    words = torch.randint(1, WORDS, [2, 7])
    words[1, 5:] = 0
    with tempfile.TemporaryDirectory() as folder:
        weights, tensors, archive = (Path(folder) / name for name in ("w.pt", "w.safetensors", "model.pt"))
        torch.save(trained.state_dict(), weights)  # torch.load reads it, and tsc.load what torch.save writes
        save_file(trained.state_dict(), tensors)

        model = Classifier()
        print("load     ", model.load_state_dict(torch.load(weights)))
        print("         ", model.load_state_dict(load_file(tensors)))
        plain = model.eval()(words)
        frozen = torch.jit.optimize_for_inference(torch.jit.script(model))
        frozen(words)
        torch.save(frozen, archive)
        loaded = torch.load(archive)
        results = {"plain": plain, "frozen": frozen(words), "saved": loaded(words)}
    print("forward  ", "one native function" if frozen.forward.last.is_native else frozen.forward.last.reason)
    for name, result in results.items():
        print(f"{name:10}", result.exp().argmax(-1).tolist(), f"{float(result.max()):.4f}")
    return 0 if all(bool(torch.allclose(r, plain, atol=1e-5)) for r in results.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
