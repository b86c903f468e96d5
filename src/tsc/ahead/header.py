"""The C header of a library: the declarations that all libraries have, and the model's own arguments."""

from __future__ import annotations

from collections.abc import Sequence

from tsc import dtypes
from tsc.ahead.call_ir import required_sizes, shape_text
from tsc.ahead.layout import Status
from tsc.ahead.levels import Level
from tsc.ahead.plan import Cell, MethodPlan

_MEANINGS = {
    Status.OK: "done",
    Status.ARGUMENT: "something is missing, misaligned, or out of range",
    Status.DTYPE: "a tensor has another dtype",
    Status.SHAPE: "a tensor has another number of dims, or other sizes",
    Status.MEMORY_OVERLAP: "a result lies where another tensor lies",
    Status.DATA: "the data are refused: an index is out of range, or an assertion does not hold",
    Status.BUSY: "another thread is in a call of this instance",
    Status.CPU: "the processor lacks what the code uses",
    Status.MEMORY: "the system gives no more memory",
    Status.THREADS: "the system gives no more threads",
    Status.WEIGHTS: "the file of weights is missing, or another",
}


def header(
    name: str, levels: Sequence[Level], methods: Sequence[MethodPlan], cells: Sequence[Cell],
    weights_file: str | None, most_dims: int,
) -> str:  # fmt: skip
    """The text of ``{name}.h``."""
    guard = f"{name.upper()}_H"
    parts = [
        _about(name, levels, weights_file),
        f"#ifndef {guard}\n#define {guard}\n\n#include <stddef.h>\n#include <stdint.h>\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        _types(name, most_dims),
        _instances(name, weights_file, cells),
        *(_method(name, method) for method in methods),
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n",
    ]
    return "\n".join(parts)


def _about(name: str, levels: Sequence[Level], weights_file: str | None) -> str:
    where = "inside" if weights_file is None else f"in {weights_file}, which lies beside the library"
    listed = ", ".join(level.name for level in levels)
    return f"""/* {name}: a model, compiled ahead of time by tsc. It needs neither Python nor LLVM.
 *
 * Link with the library, or load it. Machine code for: {listed} (x86-64 Linux);
 * {name}_create takes the first of them that the processor has. Weights: {where}.
 */
"""


def _enumeration(entries: Sequence[tuple[str, int, str]]) -> str:
    """The lines of an ``enum``: names, values, and what they mean."""
    lines: list[str] = []
    for number, (name, value, meaning) in enumerate(entries):
        comma = "," if number + 1 < len(entries) else ""
        lines.append(f"  {name} = {value}{comma}" + (f" /* {meaning} */" if meaning else ""))
    return "\n".join(lines)


def _types(name: str, most_dims: int) -> str:
    upper = name.upper()
    codes = [(f"{upper}_{_error_name(status)}", int(status), _MEANINGS[status]) for status in Status]
    elements = [(f"{upper}_{dtype.name.upper()}", dtype.code, "") for dtype in dtypes.ALL]
    return f"""/* What the functions return. {name}_error() says more. */
enum {{
{_enumeration(codes)}
}};

/* Element types. A bool is a byte, 0 or 1; a float16 or bfloat16 two bytes; a complex number two floats. */
enum {{
{_enumeration(elements)}
}};

/* A tensor in the caller's memory: row-major, without gaps, aligned to its elements. */
typedef struct {{
  void *data;              /* inputs are only read, unless their method says that it writes to them */
  int32_t dtype;
  int32_t ndim;            /* how many of `sizes` there are */
  int64_t sizes[{most_dims}];
}} {name}_tensor;

/* One copy of the model: its state, its scratch memory and its threads.
 * Instances are independent of one another, and may be used by different threads at once. One instance serves
 * one call at a time: a second one, in another thread, returns {upper}_ERROR_BUSY and does nothing.
 */
typedef struct {name}_instance {name}_instance;
"""


def _error_name(status: Status) -> str:
    return "OK" if status is Status.OK else f"ERROR_{status.name}"


def _instances(name: str, weights_file: str | None, cells: Sequence[Cell]) -> str:
    if weights_file is None:
        weights = "NULL: the weights are in the library"
    else:
        weights = f"path of the weights; NULL: {weights_file}, beside the library"
    state = "\n".join(f" *   {_cell(cell)}" for cell in cells)
    kept = f". An instance keeps:\n{state}\n " if cells else ": this model keeps nothing. "
    return f"""typedef struct {{
  int32_t threads;         /* threads of a call, the caller's included; 0: one for each core */
  const char *weights;     /* {weights} */
}} {name}_options;

/* Make an instance; `options` may be NULL. `*made` is NULL where this returns an error. */
int32_t {name}_create(const {name}_options *options, {name}_instance **made);

/* Free an instance, after its last call has returned. NULL is fine. */
void {name}_destroy({name}_instance *instance);

/* Give the state its first values{kept}*/
int32_t {name}_reset({name}_instance *instance);

/* What the last error of this thread was, as a sentence; it stays until this thread's next error. */
const char *{name}_error(void);

/* The level of processor that the instance has code for, and how many threads it uses. */
const char *{name}_level(const {name}_instance *instance);
int32_t {name}_threads(const {name}_instance *instance);
"""


def _cell(cell: Cell) -> str:
    dtype = dtypes.by_numpy(cell.initial.dtype).name
    return f"{cell.path}: {dtype}[{', '.join(map(str, cell.initial.shape))}]"


def _method(name: str, method: MethodPlan) -> str:
    lines = [f"/* {method.name}", " *"]
    for kind, specs in (("inputs", method.inputs), ("outputs", method.results)):
        lines += [
            f" *   {kind}[{number}]: {spec.name}, {spec.dtype.name}{shape_text(method, spec)}"
            + (", which is also written to" if kind == "inputs" and number in method.written else "")
            for number, spec in enumerate(specs)
        ]
    lines += [f" *   {text}" for text in method.constants]
    if method.symbols:
        lines.append(f" *   It is for {required_sizes(method)}.")
    if method.is_checked:
        lines.append(" *   It refuses some data; then outputs hold anything, and the state is as it was.")
    lines += [
        " *",
        f" * {name}_shapes_{method.name} sets dtype, ndim and sizes of outputs from those of the inputs",
        " * (data is not looked at), and `*bytes` to the scratch memory that such a call takes;",
        " * `bytes` may be NULL.",
    ]
    comment = "\n".join(line.replace("*/", "* /") for line in lines)
    return f"""{comment}
 */
int32_t {name}_run_{method.name}({name}_instance *instance, const {name}_tensor *inputs, size_t input_count,
    const {name}_tensor *outputs, size_t output_count);
int32_t {name}_shapes_{method.name}(const {name}_instance *instance, const {name}_tensor *inputs,
    size_t input_count, {name}_tensor *outputs, size_t output_count, size_t *bytes);
"""
