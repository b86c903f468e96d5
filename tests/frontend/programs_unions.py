# type: ignore
# ruff: noqa
"""Programs with unions, optionals and Any, refined by conditions."""

import torch, enum
from typing import *
from torch import Tensor, nn
from torch.nn import Module


def u1(x: Union[int, str]) -> str:
    if isinstance(x, int):
        return "int" + str(x + 1)
    else:
        return x + "str"


def u2(x: Union[int, str, float]) -> float:
    if isinstance(x, (int, float)):
        if isinstance(x, int):
            return x * 2.0
        return x
    return float(len(x))


def u3(x: Union[int, str, None]) -> int:
    if x is None:
        return -1
    if isinstance(x, str):
        return len(x)
    return x + 1


def u4(x: Optional[int]) -> int:
    if isinstance(x, int):
        return x + 1
    return 0


def u5(x: Any) -> int:
    if isinstance(x, int):
        return x + 1
    elif isinstance(x, str):
        return len(x)
    elif isinstance(x, torch.Tensor):
        return x.dim()
    return -1


def u6(x: Union[int, str]) -> int:
    if not isinstance(x, int):
        return len(x)
    return x


def u7(x: Union[int, str], y: Union[int, str]) -> int:
    if isinstance(x, int) and isinstance(y, int):
        return x + y
    return -1


def u8(x: Union[int, str, None], y: int) -> int:
    if isinstance(x, int) and x > y:
        return x
    return -1


def u9(x: Union[int, str, None]) -> int:
    if x is None or isinstance(x, str):
        return -1
    return x + 1


def u10(x: Union[int, str]) -> str:
    y = torch.jit.annotate(Union[int, str], 1)
    if isinstance(x, str):
        y = x
    if isinstance(y, int):
        return "int"
    return y


def u11(n: int) -> Union[int, str]:
    if n > 2:
        return n
    return "small"


def u12(x: List[Union[int, str]]) -> int:
    s = 0
    for v in x:
        if isinstance(v, int):
            s += v
        else:
            s += len(v)
    return s


def u13(x: Union[List[int], List[str]]) -> int:
    if isinstance(x, List[int]):
        return x[0]
    return len(x[0])


def u14(x: Union[int, str]) -> int:
    assert isinstance(x, int)
    return x + 1


def u15(n: int) -> int:
    x: Union[int, str] = n
    if n > 2:
        x = "abc"
    if isinstance(x, str):
        return len(x)
    return x


def u16(x: Union[Tensor, int]) -> Tensor:
    if isinstance(x, Tensor):
        return x + 1
    return torch.tensor(x)


def u17(x: Union[int, str]) -> int:
    return x + 1


def u18(x: Dict[str, Union[int, float]]) -> float:
    v = x["a"]
    if isinstance(v, int):
        return v * 1.0
    return v


def u19(x: Union[int, str]) -> int:
    return len(x) if isinstance(x, str) else x


def u20(x: Union[int, float, str]) -> str:
    if isinstance(x, int):
        y = "i"
    elif isinstance(x, float):
        y = "f"
    else:
        y = x
    return y


def u21(x: Union[int, str, None]) -> int:
    if x is not None:
        if isinstance(x, int):
            return x
        return len(x)
    return 0


def u22(x: Optional[Union[int, str]]) -> Union[int, str]:
    if x is None:
        return 7
    return x


def u23(x: Union[Tuple[int, int], int]) -> int:
    if isinstance(x, tuple):
        return x[0] + x[1]
    return x


def u24(x: Union[int, str]) -> bool:
    return isinstance(x, str) or isinstance(x, int)


def u25(x: Union[int, str]) -> int:
    while isinstance(x, str):
        x = 3
    return x


def u26(a: int | str, b: int | None) -> int:
    if isinstance(a, str) or b is None:
        return 0
    return a + b


def u27(x: Union[int, str, float]) -> Union[int, str]:
    if isinstance(x, float):
        return "f"
    return x


def u28(x: Any) -> str:
    if isinstance(x, (int, float)):
        return "num"
    if isinstance(x, List[int]):
        return "ints"
    if isinstance(x, str):
        return x
    return "?"


def u29(x: Any) -> bool:
    return isinstance(x, Union[int, str])


def u30(x: Optional[Tensor], y: Optional[Tensor]) -> Tensor:
    if x is not None and y is not None:
        return x + y
    elif x is not None:
        return x
    elif y is not None:
        return y
    else:
        return torch.zeros(1)


def u31(x: Union[int, List[int]]) -> List[int]:
    if not isinstance(x, list):
        x = [x]
    return x


def u32(x: Union[int, str]) -> int:
    if isinstance(x, float):
        return 1
    return 2


def u33(x: Union[int, bool]) -> int:
    if isinstance(x, bool):
        return 10
    return x


class UM(Module):
    x: Union[int, str]

    def __init__(self):
        super().__init__()
        self.x = 3

    def forward(self, n: int) -> Union[int, str]:
        self.x = "abc"
        y = self.x
        if isinstance(y, str):
            self.x = len(y) + n
        return self.x


class UM2(Module):
    x: Optional[Union[int, str]]

    def __init__(self):
        super().__init__()
        self.x = None

    def forward(self, n: int) -> int:
        y = self.x
        if y is None:
            return n
        if isinstance(y, int):
            return y
        return len(y)


CASES = [
    (u1, 1),
    (u1, "a"),
    (u1, 2.5),
    (u2, 1),
    (u2, 2.5),
    (u2, "abc"),
    (u3, None),
    (u3, "abc"),
    (u3, 3),
    (u4, None),
    (u4, 3),
    (u5, 3),
    (u5, "abc"),
    (u5, torch.zeros(2, 2)),
    (u5, 2.5),
    (u6, "abc"),
    (u6, 4),
    (u7, 1, 2),
    (u7, "a", 2),
    (u8, 4, 2),
    (u8, "a", 2),
    (u8, None, 2),
    (u9, None),
    (u9, "a"),
    (u9, 4),
    (u10, 1),
    (u10, "a"),
    (u11, 1),
    (u11, 4),
    (u12, [1, "abc"]),
    (u13, [1, 2]),
    (u13, ["abc"]),
    (u14, 1),
    (u14, "a"),
    (u15, 1),
    (u15, 4),
    (u16, torch.ones(2)),
    (u16, 4),
    (u17, 1),
    (u18, {"a": 1}),
    (u18, {"a": 2.5}),
    (u18, {"a": 1, "b": 2.5}),
    (u19, 1),
    (u19, "abc"),
    (u20, 1),
    (u20, 1.5),
    (u20, "z"),
    (u21, None),
    (u21, 1),
    (u21, "ab"),
    (u22, None),
    (u22, 1),
    (u22, "ab"),
    (u23, (1, 2)),
    (u23, 4),
    (u24, 1),
    (u25, "a"),
    (u25, 1),
    (u26, 1, 2),
    (u26, "a", 2),
    (u26, 1, None),
    (u27, 1.5),
    (u27, 1),
    (u27, "q"),
    (u28, 1),
    (u28, [1]),
    (u28, "a"),
    (u28, torch.ones(1)),
    (u29, 1),
    (u30, None, None),
    (u30, torch.ones(1), None),
    (u30, torch.ones(1), torch.ones(1)),
    (u31, 1),
    (u31, [1, 2]),
    (u32, 1),
    (u33, True),
    (u33, 2),
    (UM, 3),
    (UM2, 3),
]
