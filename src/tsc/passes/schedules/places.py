"""Schedule of `places` kernels: one walk over a mask, which ends with the last place that is wanted."""

from __future__ import annotations

from xdsl.dialects import arith, func, scf
from xdsl.dialects.builtin import i64
from xdsl.ir import Block, Region

from tsc.analysis.kernel_model import KernelModel
from tsc.analysis.target import Target
from tsc.dialects.loop_index import INDEX, Index
from tsc.dialects.tsc_places import PlacesOp
from tsc.errors import CodegenError
from tsc.passes.schedules.kernel import ScheduleBuilder


def schedule_places(model: KernelModel, target: Target) -> func.FuncOp:
    """Each place is written where the next one wanted goes, and stays if the mask holds there: no branch
    depends on the mask.

    Raises:
        CodegenError: the kernel is another one.
    """
    kernel = ScheduleBuilder.create(model, target)
    (result,) = model.results
    op = result.owner
    if not isinstance(op, PlacesOp):
        raise CodegenError(f"places: requires one tsc.places; got {result}")
    builder = kernel.builder
    mask, places = kernel.memory[op.mask].buffer, kernel.memory[result].buffer
    extent, count = builder.index(op.extent).ssa, builder.index(op.count).ssa
    zero, one = builder.index(0).ssa, builder.index(1).ssa
    before, body = Block(arg_types=[INDEX, INDEX]), Block(arg_types=[INDEX, INDEX])
    outer, builder.block = builder.block, before
    wants_more = builder.add(arith.CmpiOp(before.args[1], count, "slt"))
    has_more = builder.add(arith.CmpiOp(before.args[0], extent, "slt"))
    builder.effect(scf.ConditionOp(builder.add(arith.AndIOp(wants_more, has_more)), *before.args))
    builder.block = body
    at, number = body.args
    builder.store(builder.add(arith.IndexCastOp(at, i64)), places, Index(builder, number))
    holds = builder.add(arith.ExtUIOp(builder.load(mask, Index(builder, at)), i64))
    following = builder.add(arith.AddiOp(number, builder.add(arith.IndexCastOp(holds, INDEX))))
    builder.effect(scf.YieldOp(builder.add(arith.AddiOp(at, one)), following))
    builder.block = outer
    builder.effect(scf.WhileOp([zero, zero], [INDEX, INDEX], Region(before), Region(body)))
    return kernel.finish()
