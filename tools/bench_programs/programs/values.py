"""Programs of numbers, strings, lists and dicts: no tensor is in them."""

import math


def tokenize(text: str, words: dict[str, int], longest: int) -> list[int]:
    """The numbers of the longest words that a text is made of, in order; 0 for other characters."""
    found: list[int] = []
    at = 0
    while at < len(text):
        size = min(longest, len(text) - at)
        token = 0
        while size > 0:
            piece = text[at : at + size]
            if piece in words:
                token = words[piece]
                break
            size -= 1
        found.append(token)
        at += max(size, 1)
    return found


def edit_distance(a: list[int], b: list[int]) -> int:
    """How many elements must be put in, taken out or replaced to make one list of the other."""
    table: list[list[int]] = []
    for i in range(len(a) + 1):
        row = [0] * (len(b) + 1)
        row[0] = i
        table.append(row)
    for j in range(len(b) + 1):
        table[0][j] = j
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            if a[i - 1] == b[j - 1]:
                table[i][j] = table[i - 1][j - 1]
            else:
                table[i][j] = 1 + min(table[i - 1][j], min(table[i][j - 1], table[i - 1][j - 1]))
    return table[len(a)][len(b)]


def merged(lists: list[list[float]], count: int) -> tuple[list[float], list[int]]:
    """The greatest of several lists that fall, and which list each is of."""
    at = [0 for _ in lists]
    best: list[float] = []
    origins: list[int] = []
    while len(best) < count:
        chosen = -1
        high = -math.inf
        for i, items in enumerate(lists):
            if at[i] < len(items) and items[at[i]] > high:
                high = items[at[i]]
                chosen = i
        if chosen < 0:
            break
        best.append(high)
        origins.append(chosen)
        at[chosen] += 1
    return best, origins


def primes(n: int) -> int:
    """How many there are up to `n`, by a sieve."""
    is_prime = [True] * (n + 1)
    count = 0
    for i in range(2, n + 1):
        if is_prime[i]:
            count += 1
            j = i * i
            while j <= n:
                is_prime[j] = False
                j += i
    return count


def longest_chain(n: int) -> int:
    """The most steps from a number below `n` to 1: half of what is even, else three times it and 1."""
    longest = 0
    for start in range(1, n):
        x = start
        steps = 0
        while x != 1:
            x = x // 2 if x % 2 == 0 else 3 * x + 1
            steps += 1
        longest = max(longest, steps)
    return longest


def report(lines: list[str]) -> str:
    """The sums of what lines ``name,number`` say of each name, in order."""
    totals: dict[str, int] = {}
    for line in lines:
        parts = line.strip().split(",")
        name = parts[0].lower()
        totals[name] = totals.get(name, 0) + int(parts[1])
    names = list(totals.keys())
    names.sort()
    shown: list[str] = []
    for i, name in enumerate(names):
        shown.append("{}: {} = {}".format(i, name, totals[name]))  # noqa: UP032
    return "\n".join(shown)
