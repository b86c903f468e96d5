"""Every exception a user can meet, and how a source line is shown in one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import ClassVar

LONGEST_MESSAGE = 8_000
"""Characters of a message that are shown: it may repeat what an archive says."""
LONGEST_LINE = 400
"""Characters of a source line that are shown."""


@dataclass(frozen=True)
class SourceRange:
    """A place in a user's program, or in the program an archive was made from.

    `line` counts from 1, `column` and `end_column` from 0 (as Python's `ast`); `text` is the whole source
    line.
    """

    file: str
    line: int
    column: int = 0
    end_column: int = 0
    text: str = ""
    function: str = ""

    def highlight(self) -> str:
        """The location, the source line, and tildes with a caret under the range."""
        where = f'File "{self.file}", line {self.line}' + (f", in {self.function}" if self.function else "")
        if not self.text:
            return f"  {where}"
        cut = max(0, self.column - LONGEST_LINE // 2)  # of a very long line, what is around the range
        body = self.text.rstrip("\n")[cut : cut + LONGEST_LINE]
        indent = len(body) - len(body.lstrip())
        width = max(1, min(self.end_column - cut, len(body)) - (self.column - cut))
        marks = " " * (self.column - cut - indent) + "~" * width + " <--- HERE"
        return f"  {where}\n    {body.strip()}\n    {marks}"


def _shortened(text: str) -> str:
    """The beginning of a message, and how much more there is."""
    left_out = len(text) - LONGEST_MESSAGE
    return text if left_out <= 0 else f"{text[:LONGEST_MESSAGE]}... ({left_out} more characters)"


@dataclass(eq=False)
class TscError(Exception):
    """Base of everything `tsc` raises on purpose: a sentence, and where in the user's program it arose."""

    message: str
    where: SourceRange | None = None
    stack: list[SourceRange] = field(default_factory=list[SourceRange])
    """While compiling: the calls that led to the function with the error, innermost first."""
    frames: list[SourceRange] = field(default_factory=list[SourceRange])
    """While running: the TorchScript stack, innermost first."""
    hint: str = ""
    """What to do about it."""
    others: list["TscError"] = field(default_factory=list["TscError"])
    """Further errors of the same function."""

    kind: ClassVar[str] = "RuntimeError"
    """How TorchScript names the exception when a program raises it."""

    def __post_init__(self) -> None:
        super().__init__(self.message)

    def __str__(self) -> str:
        if self.frames:
            return self._with_script_stack()
        parts = [_shortened(self.message)]
        if self.where is not None:
            parts.append(self.where.highlight())
        if self.hint:
            parts.append(f"Hint: {self.hint}")
        callee = self.where.function if self.where is not None else ""
        for frame in self.stack:
            parts.append(f"'{callee}' is being compiled since it was called from '{frame.function}'")
            parts.append(frame.highlight())
            callee = frame.function
        for number, other in enumerate(self.others, 2):
            parts.append(f"\nError {number} of {1 + len(self.others)}:\n{other}")
        return "\n".join(parts)

    def _with_script_stack(self) -> str:
        lines = [
            "The following operation failed in the TorchScript interpreter.",
            "Traceback of TorchScript (most recent call last):",
            *(frame.highlight() for frame in reversed(self.frames)),
            f"{self.kind}: {_shortened(self.message)}",
            *([f"Hint: {self.hint}"] if self.hint else []),
        ]
        return "\n".join(lines)


OPERATOR_FAILURES = (
    TscError, TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, MemoryError,
)  # fmt: skip
"""What operators raise when they are given what they cannot take."""


class CompileError(TscError, RuntimeError):
    """The program cannot be compiled: a type error, an unknown name, a call no schema accepts."""


class NestingError(CompileError):
    """The program nests deeper than the stack of Python has room for, which reads and compiles it."""


class FrontendError(CompileError):
    """The source cannot be read as TorchScript."""


class NotSupportedError(FrontendError, NotImplementedError):
    """The program uses Python outside TorchScript, or TorchScript this version does not have."""


class UnsupportedNodeError(NotSupportedError):
    """A kind of statement or expression that TorchScript does not have."""


class UnsupportedOperatorError(TscError, NotImplementedError):
    """An operator without a definition was executed or had to be compiled."""


class ShapeError(TscError, ValueError, RuntimeError):
    """Shapes that do not fit the operator or the compiled signature."""


class DTypeError(TscError, TypeError, RuntimeError):
    """Element types that do not fit the operator or the compiled signature."""


class ArgumentError(TscError, TypeError, RuntimeError):
    """A call with the wrong number, names or kinds of arguments."""


class BoundsError(TscError, IndexError, RuntimeError):
    """A data-dependent index outside its tensor."""


class UnsuitedError(TscError):
    """Compiled code found that it cannot do a call: the generic tier does it from the beginning."""


class ArchiveError(TscError, RuntimeError, ValueError):
    """A ``.pt`` file that is damaged, hostile, or not a TorchScript archive."""


class SavedValueError(ArchiveError):
    """A file of ``torch.save``, such as a state dict, where a TorchScript archive is wanted."""


class UnsupportedValueError(ArchiveError, NotImplementedError):
    """An archive that holds what there is no code for, such as quantized tensors."""


class MissingArchiveError(ArchiveError, FileNotFoundError):
    """There is no file to load."""


class MissingNameError(AttributeError):
    """Nothing in `tsc` is called so. What may be meant is looked for when the text is wanted, which it is not
    by ``hasattr``. (Python itself looks through 750 names at most, and there are more.)
    """

    def __init__(self, name: str, names: Callable[[], list[str]]) -> None:
        super().__init__(f"module 'tsc' has no attribute {name!r}")
        self.missing, self.names = name, names

    def __str__(self) -> str:
        near = get_close_matches(self.missing, self.names(), 1)
        return super().__str__() + (f". Did you mean: {near[0]!r}?" if near else "")


class IRError(TscError, ValueError):
    """IR that breaks a rule of its stage, or text that does not parse."""


class VerificationError(TscError, RuntimeError):
    """A pass has changed what a function does: a fault of the compiler, found because ``TSC_VERIFY=1``."""

    stage: str = ""
    culprit: str = ""
    """The pass, or ``native`` where the native code is not what stage `linalg` says."""
    origin: object = None
    """What was being compiled, for who wants to see it again."""


class CodegenError(TscError, RuntimeError):
    """A kernel that cannot be scheduled or emitted; the generic tier takes over unless ``TSC_STRICT=1``."""


class FoundSizeError(CodegenError):
    """A size that the program finds when it runs would decide what code there is."""


class RefusedError(TscError, NotImplementedError):
    """A function that cannot run without Python: what of it is the cause is named."""


class StrictFusionError(CompileError):
    """An operator in a ``with strict_fusion()`` block is in no native kernel."""


class ResourceError(TscError, RuntimeError):
    """The system does not give what was asked for: threads."""


class OperatorError(TscError, RuntimeError):
    """An operator failed while a program ran."""


@dataclass(eq=False)
class Error(TscError, RuntimeError):
    """An exception in a running TorchScript program: raised by it (``raise``, ``assert``) or by an
    operator.
    """

    raised: str = "RuntimeError"
    """The name of the exception class the program raised."""

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The name of the exception class the program raised."""
        return self.raised
