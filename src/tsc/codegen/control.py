"""`scf` and `func` to blocks, phis and calls; `scf.parallel` to a function per chunk."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xdsl.dialects import func, scf
from xdsl.ir import Operation, SSAValue

from tsc.analysis.builtin_types import is_integer, is_memref
from tsc.analysis.module_functions import is_kernel
from tsc.codegen.affine_indices import AffineSum, variable
from tsc.codegen.function_emitter import FunctionEmitter
from tsc.codegen.types import llvm_type
from tsc.errors import CodegenError


def _for(function: FunctionEmitter, op: scf.ForOp) -> None:
    """A loop tested at its top; LLVM rotates it. Carried values are phis and are the loop's results."""
    head, body, done = function.label(), function.label(), function.label()
    type_ = llvm_type(op.body.block.args[0].type)
    lower, upper, step = (function.use(v) for v in (op.lb, op.ub, op.step))
    initial = [function.use(v) for v in op.iter_args]
    before = function.block
    function.branch(head)
    function.start_block(head)
    phis = [function.fresh() for _ in op.body.block.args]
    placeholder = len(function.lines)
    function.lines.extend([""] * len(phis))
    for value, name in zip(op.body.block.args, phis, strict=True):
        function.define(value, name)
    more = function.emit(f"icmp slt {type_} {phis[0]}, {upper}")
    function.statement(f"br i1 {more}, label %{body}, label %{done}")
    function.start_block(body)
    function.region(op.body.block)
    following = function.emit(f"add nsw {type_} {phis[0]}, {step}")
    yielded = [following, *_yielded(function, op.body.block.last_op)]
    starts = [lower, *initial]
    for position, value in enumerate(op.body.block.args):
        incoming = f"[ {starts[position]}, %{before} ], [ {yielded[position]}, %{function.block} ]"
        function.lines[placeholder + position] = (
            f"  {phis[position]} = phi {llvm_type(value.type)} {incoming}"
        )
    function.statement(f"br label %{head}{_loop_metadata(function, op)}")
    function.start_block(done)
    for result, name in zip(op.results, phis[1:], strict=True):
        function.define(result, name)


def _yielded(function: FunctionEmitter, terminator: Operation | None) -> list[str]:
    if not isinstance(terminator, scf.YieldOp):
        raise CodegenError("scf: requires a region that ends in scf.yield")
    return [function.use(v) for v in terminator.arguments]


def _loop_metadata(function: FunctionEmitter, op: scf.ForOp) -> str:
    """``tsc.unroll = N`` asks LLVM to unroll (0: fully); otherwise loops stay as the schedule wrote them."""
    count = op.attributes.get("tsc.unroll")
    if not is_integer(count):
        return ""
    number = count.value.data
    hint = f'"llvm.loop.unroll.count", i32 {number}' if number else '"llvm.loop.unroll.full"'
    node = function.module.add_metadata(f"!{{{{{hint}}}}}")
    return f", !llvm.loop {function.module.add_metadata(f'distinct !{{{{{{self}}, {node}}}}}')}"


def _if(function: FunctionEmitter, op: scf.IfOp) -> None:
    then, otherwise, done = function.label(), function.label(), function.label()
    function.statement(f"br i1 {function.use(op.cond)}, label %{then}, label %{otherwise}")
    incoming: list[tuple[list[str], str]] = []
    for label, region in ((then, op.true_region), (otherwise, op.false_region)):
        function.start_block(label)
        values: list[str] = []
        if region.blocks:
            function.push_scope()
            function.module.ops(function, region.block)
            values = _yielded(function, region.block.last_op)
            function.pop_scope()
        incoming.append((values, function.block))
        function.branch(done)
    function.start_block(done)
    for position, result in enumerate(op.results):
        sources = ", ".join(f"[ {values[position]}, %{block} ]" for values, block in incoming)
        function.define(result, function.emit(f"phi {llvm_type(result.type)} {sources}"))


def _while(function: FunctionEmitter, op: scf.WhileOp) -> None:
    """A loop whose first region decides, and hands what it got to the second or to the results."""
    head, body, done = function.label(), function.label(), function.label()
    first, second = op.before_region.block, op.after_region.block
    initial = [function.use(v) for v in op.arguments]
    before = function.block
    function.branch(head)
    function.start_block(head)
    phis = [function.fresh() for _ in first.args]
    placeholder = len(function.lines)
    function.lines.extend([""] * len(phis))
    for value, name in zip(first.args, phis, strict=True):
        function.define(value, name)
    function.push_scope()
    function.module.ops(function, first)
    condition = first.last_op
    if not isinstance(condition, scf.ConditionOp):
        raise CodegenError("scf.while: requires a region that ends in scf.condition")
    go, *passed = (function.use(v) for v in condition.operands)
    function.pop_scope()
    function.statement(f"br i1 {go}, label %{body}, label %{done}")
    decided = function.block
    function.start_block(body)
    for value, name in zip(second.args, passed, strict=True):
        function.define(value, name)
    function.region(second)
    yielded = _yielded(function, second.last_op)
    for position, value in enumerate(first.args):
        incoming = f"[ {initial[position]}, %{before} ], [ {yielded[position]}, %{function.block} ]"
        function.lines[placeholder + position] = (
            f"  {phis[position]} = phi {llvm_type(value.type)} {incoming}"
        )
    function.branch(head)
    function.start_block(done)
    assert decided is not None
    for result, name in zip(op.results, passed, strict=True):
        function.define(result, name)


def _nothing(function: FunctionEmitter, op: Operation) -> None:
    """Terminators are read by the op they end."""


# Functions


def _call(function: FunctionEmitter, op: func.CallOp) -> None:
    name = op.callee.string_value()
    callee = function.module.symbols.get(name)
    if callee is None:
        raise CodegenError(f"func.call: requires a function of this module; got @{name}")
    operands = ", ".join(
        f"ptr {function.pass_buffer(v, type_)}" if is_memref(type_) else function.typed(v)
        for v, type_ in zip(op.arguments, callee.function_type.inputs, strict=True)
    )
    result = function.module.result_type(callee)
    if result == "void":
        timing = function.module.timing if is_kernel(callee) else None
        begin = "" if timing is None else timing.begin(function)
        function.statement(f'call void @"{name}"({operands})')
        if timing is not None:
            timing.end(function, op, begin)
    else:
        function.define(op.res[0], function.emit(f'call {result} @"{name}"({operands})'))


def _return(function: FunctionEmitter, op: func.ReturnOp) -> None:
    function.statement(f"ret {function.typed(op.arguments[0])}" if op.arguments else "ret void")


# Parallel loops


def _parallel(function: FunctionEmitter, op: scf.ParallelOp) -> None:
    """The body becomes ``@chunk.N(captures..., i64 chunk)`` (its pointers stay `noalias`), and a trampoline
    that reads the captures from a stack record gives it the pool's signature ``void(ptr context, i64
    chunk)``.
    """
    if function.parent is not None or len(op.lowerBound) != 1 or op.results:
        raise CodegenError("scf.parallel: requires one induction variable, no result, and no nesting")
    lower, upper, step = (function.index(bounds[0]) for bounds in (op.lowerBound, op.upperBound, op.step))
    body = FunctionEmitter(function.module, function.may_alias, function)
    chunk, name = body.fresh(), f"chunk.{len(function.module.functions)}"
    _define_induction(body, op.body.block.args[0], chunk, op)
    function.module.ops(body, op.body.block)
    body.statement("ret void")
    captures = list(body.captures.items())
    parameters = [
        f"{type_}{' noalias' if is_root and not function.may_alias else ''} {inner}"
        for _, (inner, type_, is_root) in captures
    ]
    module = function.module
    module.write(f"internal void @{name}", [*parameters, f"i64 {chunk}"], "noinline nounwind", body)
    types = [type_ for _, (_, type_, _) in captures]
    _trampoline(function, name, types)
    count = _chunk_count(function, lower, upper, step)
    _launch(function, name, count, [(type_, outer) for outer, (_, type_, _) in captures])


def _define_induction(body: FunctionEmitter, induction: SSAValue, chunk: str, op: scf.ParallelOp) -> None:
    step = body.index(op.step[0])
    number = variable(int(chunk[2:]))
    if step.is_constant:
        offset = number.scaled(step.constant)
    else:
        offset = variable(int(body.emit(f"mul nsw i64 {chunk}, {body.materialize(step)}")[2:]))
    body.define_index(induction, body.index(op.lowerBound[0]) + offset)


def _chunk_count(function: FunctionEmitter, lower: AffineSum, upper: AffineSum, step: AffineSum) -> str:
    distance = upper - lower
    if distance.is_constant and step.is_constant:
        return str(max(0, -(-distance.constant // step.constant)))
    padded = function.materialize(distance + step + -1)
    return function.emit(f"sdiv i64 {padded}, {function.materialize(step)}")


def _trampoline(function: FunctionEmitter, name: str, types: Sequence[str]) -> None:
    entry = FunctionEmitter(function.module)
    record = "{ " + ", ".join(types) + " }"
    arguments: list[str] = []
    for position, type_ in enumerate(types):
        cell = entry.emit(f"getelementptr {record}, ptr %context, i32 0, i32 {position}")
        arguments.append(f"{type_} {entry.emit(f'load {type_}, ptr {cell}, align 1')}")
    entry.statement(f"tail call void @{name}({', '.join([*arguments, 'i64 %chunk'])})")
    entry.statement("ret void")
    head = f"internal void @{name}.entry"
    function.module.write(head, ["ptr %context", "i64 %chunk"], "nounwind", entry)


def _launch(function: FunctionEmitter, name: str, count: str, captures: Sequence[tuple[str, str]]) -> None:
    """Through the pool when it runs more than one thread and there is more than one chunk; else a plain
    loop.
    """
    function.module.globals.setdefault("tsc_pool", function.module.linkage.pool)
    serial, ask, pooled, done = (function.label() for _ in range(4))
    pool = function.emit("load ptr, ptr @tsc_pool")
    is_absent = function.emit(f"icmp eq ptr {pool}, null")
    is_single = function.emit(f"icmp slt i64 {count}, 2")
    skip = function.emit(f"or i1 {is_absent}, {is_single}")
    function.statement(f"br i1 {skip}, label %{serial}, label %{ask}")
    function.start_block(ask)
    threads = function.emit(f"load atomic i64, ptr {pool} monotonic, align 8")
    many = function.emit(f"icmp sgt i64 {threads}, 1")
    function.statement(f"br i1 {many}, label %{pooled}, label %{serial}")
    function.start_block(pooled)
    _pooled_call(function, name, count, captures, pool)
    function.branch(done)
    function.start_block(serial)
    _serial_loop(function, name, count, captures)
    function.branch(done)
    function.start_block(done)


def _pooled_call(
    function: FunctionEmitter, name: str, count: str, captures: Sequence[tuple[str, str]], pool: str
) -> None:
    """The pool's control block: word 0 is the number of threads, word 1 the address of ``run(pool, fn,
    context, n)``.
    """
    record = "{ " + ", ".join(type_ for type_, _ in captures) + " }"
    context = function.fresh()
    function.entry.append(f"  {context} = alloca {record}, align 64")
    for position, (type_, value) in enumerate(captures):
        cell = function.emit(f"getelementptr {record}, ptr {context}, i32 0, i32 {position}")
        function.statement(f"store {type_} {value}, ptr {cell}, align 1")
    cell = function.emit(f"getelementptr i64, ptr {pool}, i64 1")
    run = function.emit(f"load ptr, ptr {cell}")
    function.statement(f"call void {run}(ptr {pool}, ptr @{name}.entry, ptr {context}, i64 {count})")


def _serial_loop(
    function: FunctionEmitter, name: str, count: str, captures: Sequence[tuple[str, str]]
) -> None:
    head, body, done = function.label(), function.label(), function.label()
    before, chunk, following = function.block, function.fresh(), function.fresh()
    function.branch(head)
    function.start_block(head)
    function.statement(f"{chunk} = phi i64 [ 0, %{before} ], [ {following}, %{body} ]")
    more = function.emit(f"icmp slt i64 {chunk}, {count}")
    function.statement(f"br i1 {more}, label %{body}, label %{done}")
    function.start_block(body)
    operands = ", ".join([*(f"{type_} {value}" for type_, value in captures), f"i64 {chunk}"])
    function.statement(f"call void @{name}({operands})")
    function.statement(f"{following} = add nsw i64 {chunk}, 1")
    function.branch(head)
    function.start_block(done)


HANDLERS: Mapping[type[Operation], Callable[[FunctionEmitter, Any], None]] = {
    scf.ForOp: _for,
    scf.IfOp: _if,
    scf.WhileOp: _while,
    scf.ConditionOp: _nothing,
    scf.YieldOp: _nothing,
    scf.ReduceOp: _nothing,
    scf.ParallelOp: _parallel,
    func.CallOp: _call,
    func.ReturnOp: _return,
}
