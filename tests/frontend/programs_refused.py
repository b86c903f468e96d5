# type: ignore
# ruff: noqa
"""Programs that are refused, and what is said of them."""

import enum
from collections import namedtuple
from collections.abc import Callable
from typing import Any, Dict, List, Optional, Tuple, Union

import torch

GLOBAL = [1]


def dict_values() -> Dict[str, int]:
    return {"a": 2.5}


def list_elements():
    held: List[int] = ["a"]
    return held


def annotated():
    held: Tuple[int, str] = (1, 2)
    return held


def returned() -> Optional[int]:
    return "a"


def too_few():
    a, b, c = (1, 2)
    return a


def too_few_for_star():
    a, *b, c = (1,)
    return a


def too_many():
    a, b = (1, 2, 3)
    return a


def star_of_a_list(held: List[int]):
    a, *b = held
    return a


def tuple_of_a_list(held: List[int]):
    return tuple(held)


def int_as_tuple():
    a, b = 1
    return a


def ternary(n: int):
    return 1 if n > 3 else "a"


def tuple_index():
    return (1, 2)[1.5]


def tuple_range():
    return (1, 2)[5]


def tuple_mixed(i: int):
    return (1, "a")[i]


def sliced_list():
    held = [1, 2, 3]
    held[1:] = [4, 5]
    return held


def deleted_slice():
    held = [1, 2, 3]
    del held[1:]
    return held


def no_range():
    return [i for i in range()]


def long_range():
    return [i for i in range(1, 2, 3, 4)]


def no_enumerate():
    return [i for i in enumerate()]


def one_isinstance():
    return isinstance(1)


def one_getattr():
    return getattr([1])


def conversion(n: int):
    return f"{n!r}"


def formatting(n: int):
    return f"{n:04d}"


def global_list():
    return GLOBAL


def wrong_element():
    held = [1]
    held.append("x")
    return held


def called_text():
    return "a"()


def expanded():
    return ternary(**{"n": 1})


class Plain:
    KIND = 4

    def __init__(self):
        self.x = 1

    @property
    def twice(self) -> int:
        return self.x * 2


class Empty:
    def f(self) -> int:
        return 1


class OneArgument:
    def __init__(self):
        self.x = 1

    def __enter__(self):
        pass

    def __exit__(self, kind: Any):
        pass


def class_attribute():
    return Plain().KIND


def read_only():
    held = Plain()
    held.twice = 3
    return held.x


def no_initializer():
    return Empty().f()


def deleted_attribute():
    held = Plain()
    del held.x
    return 1


def context_of_plain():
    with Plain() as held:
        return 1


def context_of_int():
    with 5 as held:
        return 1


def short_exit():
    with OneArgument() as held:
        return 1


def bare_list(x: List):
    return x


def bare_dict(x: Dict):
    return x


def bare_tuple(x: Tuple):
    return x


def bare_optional(x: Optional):
    return x


def bare_union(x: Union):
    return x


def instance_of_bare_list(x: int):
    return isinstance(x, List)


class NoSelf:
    def __init__(self):
        self.x = 1

    def f() -> int:
        return 1


def method_without_self():
    return NoSelf().x


WithTensor = namedtuple("WithTensor", ["p", "q"], defaults=[torch.ones(1)])


def default_tensor():
    return WithTensor(torch.zeros(1))


class NoOperators:
    def __init__(self):
        self.v = 1


class Chosen(enum.Enum):
    A = 1


def no_add(x: int):
    return NoOperators() + x


def no_less(x: int):
    return NoOperators() < NoOperators()


def no_neg(x: int):
    return -NoOperators()


def no_item(x: int):
    return NoOperators()[x]


def no_item_set(x: int):
    held = NoOperators()
    held[x] = 1
    return held


def no_len(x: int):
    return len(NoOperators())


def no_contains(x: int):
    return x in NoOperators()


def no_call(x: int):
    return NoOperators()(x)


def no_str(x: int):
    return str(NoOperators())


def no_float(x: int):
    return float(NoOperators())


def no_update(x: int):
    held = NoOperators()
    held += x
    return held


def enum_called(x: int):
    return Chosen(x)


def enum_indexed(x: str):
    return Chosen[x]


def for_else(x: int):
    for i in range(x):
        if i == 1:
            continue
        for j in range(i):
            if j == 1:
                break
        else:
            x += 1
    return x


def imaginary(x: complex):
    return x.imag


def method_unbound(x: str):
    return x.upper


def missing_function(x: torch.Tensor):
    return torch.nn.functional.no_such_function(x)


def exception_returned(x: int):
    return ValueError("a")


def untyped_list(x: torch.Tensor):
    held = []
    held.append(1)
    return held


def wrong_keyword(x: torch.Tensor):
    return torch.max(x, bad=1)


SAID: dict[Callable[..., Any], str] = {
    **{
        program: f"' object has no attribute or method '__{method}__'. Did you forget to initialize an attribute in __init__()?"
        for program, method in (
            (no_add, "add"),
            (no_less, "lt"),
            (no_neg, "neg"),
            (no_item, "getitem"),
            (no_item_set, "setitem"),
            (no_len, "len"),
            (no_contains, "contains"),
            (no_call, "call"),
            (no_str, "str"),
            (no_float, "float"),
        )
    },
    no_update: "since it does not define an __iadd__ or __add__ method",
    enum_called: "cannot call a EnumClass",
    enum_indexed: "EnumClass cannot be used as a value",
    for_else: "else branches of for loops aren't supported",
    imaginary: "'complex' object has no attribute or method 'imag'",
    method_unbound: "builtin cannot be used as a value",
    missing_function: "object has no attribute no_such_function",
    exception_returned: "exception message cannot be used as a value",
    untyped_list: "aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)",
    wrong_keyword: "aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    dict_values: "Type annotation was inferred to be `Dict[str, int]`, but the type of values given by the dict literal is float",
    list_elements: "List type annotation `List[int]` did not match the types of the given list elements, which were unified to str",
    annotated: "Variable 'held' is annotated with type Tuple[int, str] but is being assigned to a value of type Tuple[int, int]",
    returned: "Return value was annotated as having type Optional[int] but is actually of type str",
    too_few: "need 3 values to unpack but found only 2",
    too_few_for_star: "need at least 2 values to unpack but found only 1",
    too_many: "too many values to unpack: need 2 but found 3",
    star_of_a_list: "cannot statically infer the expected size of a list in this context",
    tuple_of_a_list: "cannot statically infer the expected size of a list in this context",
    int_as_tuple: "int cannot be used as a tuple",
    ternary: "if-expression's true branch has type int but false branch has type str",
    tuple_index: "tuple index must be an integer",
    tuple_range: "Tuple index out of range. Tuple is length 2 and index is 5",
    tuple_mixed: "Cannot index into a Tuple[int, str] with a non-integer literal because we cannot resolve the output type",
    sliced_list: "Sliced expression not yet supported for subscripted assignment. File a bug if you want this",
    deleted_slice: "del statements only support deletion at a single index, slicing is not supported",
    no_range: "range expected at least 1 arguments, got 0",
    long_range: "range expected at most 3 arguments, got 4",
    no_enumerate: "enumerate expected at least 1 arguments, got 0",
    one_isinstance: "isinstance expected exactly 2 arguments but found 1",
    one_getattr: "getattr expected to have number of arguments between 2 and 3 but found 1",
    conversion: "Don't support conversion in JoinedStr",
    formatting: "Don't support formatting in JoinedStr",
    global_list: "consider passing it in as an argument or use a local variable instead",
    wrong_element: "Could not match type str to t in argument 'el': Type variable 't' previously matched to type int is matched to type str.",
    called_text: "cannot call a value of type 'str'",
    expanded: "keyword-arg expansion is not supported",
    class_attribute: "'KIND' is defined as a class attribute which currently is not supported. Consider converting this to an instance attribute.",
    read_only: "Tried to set read-only attribute: twice",
    no_initializer: "Class Empty does not have an __init__ function defined",
    deleted_attribute: "del statements are only supported for deleting list and dict items and variables",
    context_of_plain: "Object returned by with item expression does not define __enter__ and __exit__ methods",
    context_of_int: "With item expression must return an object",
    bare_list: "Attempted to use List without a contained type. Please add a contained type, e.g. List[int]",
    bare_dict: "Attempted to use Dict without contained types. Please add contained type, e.g. Dict[int, int]",
    bare_tuple: "Attempted to use Tuple without a contained type. Please add a contained type, e.g. Tuple[int]",
    bare_optional: "Attempted to use Optional without a contained type. Please add a contained type, e.g. Optional[int]",
    bare_union: "Attempted to use Union without a contained type. Please add a contained type, e.g. Union[int]",
    instance_of_bare_list: "Attempted to use List without a contained type.",
    method_without_self: "methods must have a self argument",
    default_tensor: "Tensors are not supported as default NamedTuple fields.",
    short_exit: "__exit__ must have four arguments",
}
