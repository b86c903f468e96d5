# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Programs that decode: loops whose end data decides, beams, lists and dicts."""

import math

import torch
from torch import Tensor, nn


class GreedyDecoder(nn.Module):
    """A GRU that reads what it said, until it says that it is done."""

    def __init__(self, words: int = 64, width: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.cell = nn.GRUCell(width, width)
        self.output = nn.Linear(width, words)
        self.end = words  # no word: the search runs all its steps

    def forward(self, hidden: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Words of at most `steps` steps, and the sum of their log-probabilities."""
        word = torch.zeros(hidden.size(0), dtype=torch.long)
        score = torch.zeros(hidden.size(0))
        said: list[Tensor] = []
        for _ in range(steps):
            hidden = self.cell(self.embedding(word), hidden)
            best, word = torch.log_softmax(self.output(hidden), -1).max(-1)
            score = score + best
            said.append(word)
            if bool((word == self.end).all()):
                break
        return torch.stack(said, 1), score


class Recurrent(nn.Module):
    """An RNN written out over all steps of its input, until what it keeps has settled."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        """``(steps, batch, width)`` to the last state, and how many steps it took."""
        hidden = torch.zeros_like(x[0])
        t = 0
        going = True
        while going and t < x.size(0):
            following = torch.tanh(self.inner(x[t]) + self.outer(hidden))
            going = bool((following - hidden).abs().max() > 1e-9)
            hidden = following
            t += 1
        return hidden, t


class Scan(nn.Module):
    """A loop over all steps of a sequence of any length."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.cell = nn.GRUCell(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """``(steps, batch, width)`` to the states of all steps."""
        hidden = torch.zeros(x.size(1), x.size(2))
        states: list[Tensor] = []
        for t in range(x.size(0)):
            hidden = self.cell(x[t], hidden)
            states.append(hidden)
        return torch.stack(states)


class BeamSearch(nn.Module):
    """The best sentences of a small GRU language model."""

    def __init__(self, words: int = 40, width: int = 24, beam: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.cell = nn.GRUCell(width, width)
        self.output = nn.Linear(width, words)
        self.words, self.beam, self.end = words, beam, 1

    def forward(self, hidden: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """From a state ``(1, width)``: sentences ``(beam, length)``, and their scores."""
        hidden = hidden.repeat(self.beam, 1)
        said = torch.zeros(self.beam, 1, dtype=torch.long)
        scores = torch.full((self.beam,), -1e9)
        scores[0] = 0.0
        done = torch.zeros(self.beam, dtype=torch.bool)
        for _ in range(steps):
            hidden = self.cell(self.embedding(said[:, -1]), hidden)
            logs = torch.log_softmax(self.output(hidden), -1)
            logs = logs.masked_fill(done.unsqueeze(1), -1e9)
            logs[:, self.end] = torch.where(done, torch.zeros_like(scores), logs[:, self.end])
            scores, best = torch.topk((scores.unsqueeze(1) + logs).view(-1), self.beam)
            parents = torch.div(best, self.words, rounding_mode="floor")
            word = best % self.words
            hidden = hidden.index_select(0, parents)
            said = torch.cat([said.index_select(0, parents), word.unsqueeze(1)], 1)
            done = done.index_select(0, parents) | (word == self.end)
            if bool(done.all()):
                break
        return said, scores


class FilledBeamSearch(nn.Module):
    """As `BeamSearch`, in memory that is made before the loop."""

    def __init__(self, words: int = 40, width: int = 24, beam: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.cell = nn.GRUCell(width, width)
        self.output = nn.Linear(width, words)
        self.words, self.beam, self.end = words, beam, 1

    def forward(self, hidden: Tensor, steps: int) -> tuple[Tensor, Tensor, int]:
        """From a state ``(1, width)``: sentences ``(beam, steps + 1)``, scores, and the length."""
        hidden = hidden.repeat(self.beam, 1)
        said = torch.zeros(self.beam, steps + 1, dtype=torch.long)
        scores = torch.full((self.beam,), -1e9)
        scores[0] = 0.0
        done = torch.zeros(self.beam, dtype=torch.bool)
        length = 1
        for step in range(steps):
            hidden = self.cell(self.embedding(said[:, step]), hidden)
            logs = torch.log_softmax(self.output(hidden), -1).masked_fill(done.unsqueeze(1), -1e9)
            scores, best = torch.topk((scores.unsqueeze(1) + logs).view(-1), self.beam)
            parents, word = best // self.words, best % self.words
            hidden = hidden[parents]
            said = said[parents]
            said[:, step + 1] = word
            done = done[parents] | (word == self.end)
            length += 1
            if bool(done.all()):
                break
        return said, scores, length


def log_add(a: float, b: float) -> float:
    """The logarithm of the sum of two numbers whose logarithms are given."""
    if a == -math.inf:
        return b
    if b == -math.inf:
        return a
    high = max(a, b)
    return high + math.log(math.exp(a - high) + math.exp(b - high))


def prefix_beam_search(logs: Tensor, beam: int) -> list[tuple[str, float]]:
    """CTC prefix beam search over ``(steps, symbols)``; symbol 0 is blank, the others are letters."""
    steps: list[list[float]] = logs.tolist()
    beams: list[tuple[str, tuple[float, float]]] = [("", (0.0, -math.inf))]
    for step in steps:
        found: dict[str, tuple[float, float]] = {}
        for prefix, (blank, other) in beams:
            for symbol, log in enumerate(step):
                if symbol == 0:
                    b, o = found.get(prefix, (-math.inf, -math.inf))
                    found[prefix] = (log_add(b, log_add(blank, other) + log), o)
                    continue
                letter = chr(96 + symbol)
                extended = prefix + letter
                b, o = found.get(extended, (-math.inf, -math.inf))
                if len(prefix) > 0 and prefix[-1] == letter:
                    found[extended] = (b, log_add(o, blank + log))
                    b, o = found.get(prefix, (-math.inf, -math.inf))
                    found[prefix] = (b, log_add(o, other + log))
                else:
                    found[extended] = (b, log_add(o, log_add(blank, other) + log))
        ranked: list[tuple[float, str]] = []
        for prefix, (b, o) in found.items():
            ranked.append((-log_add(b, o), prefix))
        ranked.sort()
        beams = [(prefix, found[prefix]) for _, prefix in ranked[:beam]]
    return [(prefix, log_add(b, o)) for prefix, (b, o) in beams]


def greedy_letters(logs: Tensor) -> tuple[list[int], dict[int, float]]:
    """CTC's best path without repeats and blanks, and the best score that each symbol had."""
    letters: list[int] = []
    scores: dict[int, float] = {}
    last = 0
    for t in range(logs.size(0)):
        best = int(logs[t].argmax())
        score = float(logs[t, best])
        if best != 0 and best != last:
            letters.append(best)
            scores[best] = max(score, scores.get(best, -1e9))
        last = best
    return letters, scores
