"""Compiles a function of a unit: its signature, its body, its ``func.func``."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from typing import Any

from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region

from tsc.concurrency import COMPILING
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import hint
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError, FrontendError, NestingError, NotSupportedError, TscError
from tsc.frontend.exits import rewrite
from tsc.frontend.sources import UNSAID, parsed_annotation, parsed_signature
from tsc.frontend.statements import StatementReader
from tsc.frontend.undefined import KnownError
from tsc.frontend.unit import REQUIRED, Function, FunctionParameter, Unit


class Compiler:
    """Compiles functions of `unit` on demand; a call compiles its callee first."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.call_stack: list[Function] = []
        self.failed: set[Function] = set()
        """Functions with errors, among those that the outermost function calls."""

    def compile(self, function: Function) -> None:
        """Compile `function` if that has not been done.

        Raises:
            CompileError: the source is not TorchScript; the message shows where, and who called.
        """
        if function.op is not None or (function.kind != "script" and function.result is not None):
            return
        with COMPILING:
            self._compile(function)

    def _compile(self, function: Function) -> None:
        if function.op is not None:
            return
        if isinstance(function.self_type, tt.InterfaceType):
            read_signature(function)  # what runs is the method of the object's own class
            return
        if function.is_compiling:
            raise CompileError(
                f"function '{function.short_name}' is called recursively. Recursive calls are not supported"
            )
        if function in self.failed:
            raise KnownError(f"function '{function.short_name}' has errors")
        function.is_compiling = True
        self.call_stack.append(function)
        try:
            read_signature(function)
            if function.kind == "script":
                function.op = self._body(function)
            elif function.result is None:
                function.result = tt.NONE
        except RecursionError:
            where = function.source.range(function.definition, function.short_name)
            raise NestingError(f"'{function.short_name}' nests too deep to be read", where) from None
        except TscError:
            self.failed.add(function)
            raise
        finally:
            self.call_stack.pop()
            function.is_compiling = False
            if not self.call_stack:
                self.failed.clear()

    def _body(self, function: Function) -> FuncOp:
        reader = StatementReader(self.unit, function)
        reader.compile_function = self._compile_callee(reader)
        reader.read_signature = read_signature
        types: list[TorchType] = [p.type for p in function.parameters]
        names = [p.name for p in function.parameters]
        if function.self_type is not None:
            types.insert(0, function.self_type)
            names.insert(0, function.definition.args.args[0].arg)
        if function.result is not None and function.result is not tt.NONE:
            reader.returned_type = function.result
        block = Block(arg_types=types)
        reader.builder.block = block
        from tsc.frontend.sugared import SugaredValue

        for name, argument in zip(names, block.args, strict=True):
            hint(argument, name)
            reader.environment[name] = SugaredValue(argument)
        reader.statements(rewrite(function.definition))
        reader.errors.raise_all()
        return self._finish(function, reader, block)

    def _finish(self, function: Function, reader: StatementReader, block: Block) -> FuncOp:
        end: Any = function.definition.body[-1]
        returned = reader.returned
        if returned is None:
            from tsc.dialects.torch_ops import PrimUninitializedOp

            if reader.leaves:
                kind = function.result or tt.NONE
                returned = reader.builder.create(PrimUninitializedOp, [], [kind]).results[0]
            else:
                reader.check_falls_off(end)
                returned = reader.builder.constant(None)
        function.result = returned.type  # pyright: ignore[reportAttributeAccessIssue]
        block.add_op(ReturnOp(returned))
        op = FuncOp(function.name, (list(block.arg_types), [returned.type]), Region(block))
        op.location = function.source.location(function.definition)
        return op

    def _compile_callee(self, reader: StatementReader) -> Any:
        def compile_callee(callee: Function) -> None:
            location = reader.builder.location
            try:
                self.compile(callee)
            except TscError as error:
                if reader.current is not None:
                    error.stack.append(reader.source.range(reader.current, reader.function.short_name))
                raise
            reader.builder.location = location

        return compile_callee


def read_signature(function: Function) -> None:
    """Resolve the types of the parameters and of the result."""
    if function.parameters or function.result is not None:
        return
    _refuse_variadic(function)
    definition, resolver = function.definition, function.resolver
    parameters: list[FunctionParameter] = []
    arguments = list(definition.args.args)
    if function.self_type is not None:
        if not arguments:
            where = function.source.range(definition, function.short_name)
            raise CompileError("methods must have a self argument", where)
        arguments = arguments[1:]
    comment = parsed_signature(definition.type_comment) if definition.type_comment else None
    listed = _listed_types(function, comment, [*arguments, *definition.args.kwonlyargs])
    types = [_parameter_type(function, argument, listed) for argument in arguments]
    defaults = _defaults(function, [a.arg for a in arguments])
    for argument, kind in zip(arguments, types, strict=True):
        default = _converted(defaults.get(argument.arg, REQUIRED), kind)
        if function.python is not None and type(default) in (list, dict, set):
            raise CompileError(
                "Mutable default parameters are not supported because Python binds them to the function and "
                "they "
                f"persist across function calls. As a workaround, make the default None and instantiate the "
                f"mutable parameter within the body of the function. Found {type(default)} on parameter "
                f"{argument.arg}.",
                function.source.range(argument, function.short_name),
            )
        inferred = argument.annotation is None and comment is None and not argument.type_comment
        inferred = inferred and argument.arg not in function.observed
        parameters.append(
            FunctionParameter(argument.arg, kind, default, False, _broadcast_size(argument), inferred)
        )
    for argument in definition.args.kwonlyargs:
        kind = _parameter_type(function, argument, listed)
        parameters.append(
            FunctionParameter(
                argument.arg, kind, _converted(defaults.get(argument.arg, REQUIRED), kind), kwarg_only=True
            )
        )
    if comment is not None and ast.unparse(comment.returns) != UNSAID:
        function.result = resolver.annotation(comment.returns)
    elif definition.returns is not None:
        function.result = resolver.annotation(definition.returns)
    else:
        function.result = function.unannotated_result
    function.parameters[:] = parameters  # all or none: a refused function may be asked for again


def _refuse_variadic(function: Function) -> None:
    given = function.definition.args
    if given.vararg is not None or given.kwarg is not None or any(d is not None for d in given.kw_defaults):
        raise NotSupportedError(
            "Compiled functions can't take variable number of arguments or use keyword-only arguments with "
            "defaults",
            function.source.range(function.definition, function.short_name),
        )


def _listed_types(
    function: Function, comment: ast.FunctionType | None, arguments: list[ast.arg]
) -> dict[str, ast.expr]:
    """The types of a comment ``# type: (int, Tensor) -> Tensor`` by parameter. Where it says ``(...)``
    each parameter has a comment of its own.

    Raises:
        FrontendError: there are more or fewer types than parameters.
    """
    if comment is None:
        return {}
    types = comment.argtypes
    if len(types) == 1 and ast.unparse(types[0]) == "...":
        types = [parsed_annotation(a.type_comment) for a in arguments if a.type_comment]
    if len(types) != len(arguments):
        raise FrontendError(
            f"Number of type annotations ({len(types)}) did not match the number of "
            f"{'function' if function.self_type is None else 'method'} parameters ({len(arguments)})",
            function.source.range(function.definition, function.short_name),
        )
    return {argument.arg: type_ for argument, type_ in zip(arguments, types, strict=True)}


def _parameter_type(function: Function, argument: ast.arg, listed: Mapping[str, ast.expr]) -> TorchType:
    if argument.arg in listed:
        return function.resolver.annotation(listed[argument.arg])
    if argument.annotation is not None:
        try:
            return function.resolver.annotation(argument.annotation)
        except TscError as error:
            error.where = error.where or function.source.range(argument.annotation, function.short_name)
            raise
    if argument.type_comment:
        return function.resolver.annotation(parsed_annotation(argument.type_comment))
    return function.observed.get(argument.arg, tt.TENSOR)


def _broadcast_size(argument: ast.arg) -> int | None:
    match = (
        re.search(r"BroadcastingList(\d)\[", ast.unparse(argument.annotation))
        if argument.annotation
        else None
    )
    return int(match[1]) if match else None


def _converted(default: object, kind: TorchType) -> Any:
    """A default as its parameter has it: ``x: float = 2`` is 2.0."""
    wanted = kind.data if isinstance(kind, tt.OptionalType) else kind
    return float(default) if wanted is tt.FLOAT and type(default) is int else default


def _defaults(function: Function, names: list[str]) -> dict[str, Any]:
    """Default values by parameter: of a live function its own objects, of archived code the literals."""
    if function.python is not None:
        parameters = inspect.signature(function.python).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    values = function.definition.args.defaults
    known = zip(names[len(names) - len(values) :], values, strict=True)
    return {n: function.resolver.literal(v) for n, v in known}
