"""The xDSL context that knows our dialects: schema operations are made when a name is first met."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects import arith, func, gpu, linalg, math, memref, scf, tensor, vector
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.ir import Dialect, Operation

from tsc.dialects.aten import OperatorOp, op_class
from tsc.dialects.constants import ConstantPool
from tsc.dialects.mlir_text import array_of, resources
from tsc.dialects.torch_ops import STRUCTURAL_OPS
from tsc.dialects.torch_types import ALL_TYPES
from tsc.dialects.tsc import Tsc
from tsc.dims import SizeEnvironment
from tsc.errors import IRError

Torch = Dialect("torch", [*STRUCTURAL_OPS, OperatorOp], list(ALL_TYPES))
UPSTREAM = (
    arith.Arith,
    func.Func,
    gpu.GPU,
    linalg.Linalg,
    math.Math,
    memref.MemRef,
    scf.Scf,
    tensor.Tensor,
    vector.Vector,
)


class TorchContext(Context):
    """A `Context` in which ``torch.aten.*`` operations need no registration.

    `pool` holds the arrays of the tensor constants of the module the passes work on; `sizes` knows its
    symbolic sizes.
    """

    pool: ConstantPool
    sizes: SizeEnvironment
    resources: Resources

    def take_resources(self, module: ModuleOp) -> None:
        """Put the arrays that stood behind the text of `module`, which was parsed in this context, into the
        pool.

        Raises:
            IRError: one has not the bytes its type wants.
        """
        kinds = resources(module)
        for key, blob in self.resources.blobs.items():
            if key in kinds:
                self.pool.set(key, array_of(key, blob, kinds[key]))

    def get_optional_op(self, name: str, *, dialect_stack: Sequence[str] = ()) -> type[Operation] | None:
        """The class of operation `name`, made from its schema if need be."""
        found = super().get_optional_op(name, dialect_stack=dialect_stack)
        return found or op_class(name)

    def clone(self) -> TorchContext:
        """A context with the same dialects."""
        return make_context(self.pool)


def pool_of(context: Context) -> ConstantPool:
    """The arrays of the constants of the module that a pass works on.

    Raises:
        IRError: the context is none of ours.
    """
    return _ours(context).pool


def sizes_of(context: Context) -> SizeEnvironment:
    """The symbolic sizes of the module that a pass works on.

    Raises:
        IRError: the context is none of ours.
    """
    return _ours(context).sizes


def _ours(context: Context) -> TorchContext:
    if not isinstance(context, TorchContext):
        raise IRError(f"this pass requires a TorchContext (make_context); got a {type(context).__name__}")
    return context


class Resources(OpAsmDialectInterface):
    """Resource keys of one context: a key is what the text says, also when it was met before.

    xDSL's own builtin dialect keeps its keys for the whole process and renames those it knows.
    """

    def declare_resource(self, key: str) -> str:
        """`key` itself."""
        self._blob_storage.setdefault(key, "")
        return key

    @property
    def blobs(self) -> dict[str, str]:
        """The bytes that stand behind a text, by key."""
        return {key: blob for key, blob in self._blob_storage.items() if blob}


def make_context(pool: ConstantPool | None = None) -> TorchContext:
    """A context with the `torch` and `tsc` dialects and the upstream ones the lower stages use."""
    context = TorchContext()
    context.pool = ConstantPool() if pool is None else pool
    context.sizes = SizeEnvironment()
    context.resources = Resources()
    builtin = Dialect("builtin", list(Builtin.operations), list(Builtin.attributes), [context.resources])
    for dialect in (builtin, Torch, Tsc, *UPSTREAM):
        context.load_dialect(dialect)
    return context
