"""Writes modules of the `linalg` stage as text, one small function per operator."""

from collections.abc import Sequence
from dataclasses import dataclass, field


def tensor(shape: Sequence[int], element: str = "f32") -> str:
    return "tensor<" + "".join(f"{n}x" for n in shape) + element + ">"


@dataclass
class Value:
    name: str
    shape: tuple[int, ...]
    element: str = "f32"

    @property
    def type(self) -> str:
        return tensor(self.shape, self.element)


@dataclass
class Kernel:
    """A kernel function under construction."""

    name: str
    lines: list[str] = field(default_factory=list[str])
    arguments: list[Value] = field(default_factory=list[Value])
    count: int = 0

    def fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def argument(self, shape: Sequence[int], element: str = "f32") -> Value:
        value = Value(f"%a{len(self.arguments)}", tuple(shape), element)
        self.arguments.append(value)
        return value

    def emit(self, text: str, shape: Sequence[int], element: str = "f32") -> Value:
        value = Value(self.fresh(), tuple(shape), element)
        self.lines.append(f"  {value.name} = {text}")
        return value

    def scalar(self, number: str, element: str = "f32") -> str:
        name = self.fresh()
        typed = number if number in ("true", "false") else f"{number} : {element}"
        self.lines.append(f"  {name} = arith.constant {typed}")
        return name

    def empty(self, shape: Sequence[int], element: str = "f32") -> Value:
        return self.emit(f"tensor.empty() : {tensor(shape, element)}", shape, element)

    def fill(self, number: str, shape: Sequence[int], element: str = "f32") -> Value:
        scalar, empty = self.scalar(number, element), self.empty(shape, element)
        text = f"linalg.fill ins({scalar} : {element}) outs({empty.name} : {empty.type}) -> {empty.type}"
        return self.emit(text, shape, element)

    def generic(
        self,
        inputs: Sequence[tuple[Value, str]],
        output: tuple[Value, str],
        loops: str,
        body: str,
        doc: str = "op",
    ) -> Value:
        """`loops` such as "i j | k"; `body` uses %x0, %x1, ... and %acc, and ends with the value %r."""
        kept, _, reduced = loops.partition("|")
        names = [*kept.split(), *reduced.split()]
        iterators = ['"parallel"'] * len(kept.split()) + ['"reduction"'] * len(reduced.split())
        maps = ", ".join(f"affine_map<({', '.join(names)}) -> ({m})>" for _, m in (*inputs, output))
        ins = ", ".join(v.name for v, _ in inputs)
        types = ", ".join(v.type for v, _ in inputs)
        target = output[0]
        arguments = [f"%x{n}: {v.element}" for n, (v, _) in enumerate(inputs)] + [f"%acc: {target.element}"]
        ins_text = f" ins({ins} : {types})" if inputs else ""
        text = (
            f"linalg.generic {{indexing_maps = [{maps}], "
            f'iterator_types = [{", ".join(iterators)}], doc = "{doc}"}}'
            f"{ins_text} outs({target.name} : {target.type}) {{\n"
            f"  ^bb0({', '.join(arguments)}):\n    {body}\n    linalg.yield %r : {target.element}\n"
            f"  }} -> {target.type}"
        )
        return self.emit(text, target.shape, target.element)

    def pad(self, source: Value, low: Sequence[int], high: Sequence[int], number: str = "0.0") -> Value:
        shape = [n + a + b for n, a, b in zip(source.shape, low, high, strict=True)]
        scalar = self.scalar(number, source.element)
        indices = ", ".join(f"%p{n}: index" for n in range(len(shape)))
        text = (
            f"tensor.pad {source.name} low[{_list(low)}] high[{_list(high)}] {{\n  ^bb0({indices}):\n"
            f"    tensor.yield {scalar} : {source.element}\n"
            f"  }} : {source.type} to {tensor(shape, source.element)}"
        )
        return self.emit(text, shape, source.element)

    def scatter(self, base: Value, positions: Value, values: Value, body: str) -> Value:
        """`body` uses %now and %x0, and ends with the value %r."""
        operands = (base, positions, values)
        text = (
            f'"tsc.scatter"({", ".join(v.name for v in operands)}) ({{\n'
            f"  ^bb0(%now: {base.element}, %x0: {values.element}):\n    {body}\n"
            f"    tsc.yield %r : {base.element}\n"
            f"  }}) : ({', '.join(v.type for v in operands)}) -> {base.type}"
        )
        return self.emit(text, base.shape, base.element)

    def order(
        self,
        name: str,
        operands: Sequence[Value],
        count: int,
        workspace: Sequence[int],
        body: str = "",
        attributes: str = "",
    ) -> tuple[Value, Value]:
        """``tsc.sort`` and the like, of integers that are their own keys; `body` makes another %r of %x0."""
        x = operands[0]
        shape = (x.shape[0], count, x.shape[2])
        values, places = Value(self.fresh(), shape, x.element), Value(self.fresh(), shape, "i64")
        key, line = ("%r", f"    {body}\n") if body else ("%x0", "")
        types = ", ".join(v.type for v in operands)
        self.lines.append(
            f'  {values.name}, {places.name}, {self.fresh()} = "tsc.{name}"'
            f"({', '.join(v.name for v in operands)}) ({{\n  ^bb0(%x0: {x.element}):\n{line}"
            f"    tsc.yield {key} : {x.element}\n  }}) {attributes}: ({types}) -> "
            f"({values.type}, {places.type}, {tensor(workspace, 'i8')})"
        )
        return values, places

    def matrices(
        self,
        name: str,
        operands: Sequence[Value],
        results: Sequence[tuple[Sequence[int], str]],
        **flags: bool,
    ) -> list[Value]:
        """``tsc.lu`` and the like, with results of these shapes and elements."""
        made = [Value(self.fresh(), tuple(shape), element) for shape, element in results]
        attributes = ", ".join(f"{flag} = {str(on).lower()}" for flag, on in flags.items())
        self.lines.append(
            f'  {", ".join(v.name for v in made)} = "tsc.{name}"({", ".join(v.name for v in operands)}) '
            f"{{{attributes}}} : ({', '.join(v.type for v in operands)}) -> "
            f"({', '.join(v.type for v in made)})"
        )
        return made

    def insert(self, source: Value, target: Value, offsets: Sequence[int]) -> Value:
        ones = [1] * len(offsets)
        text = (
            f"tensor.insert_slice {source.name} into {target.name}[{_list(offsets)}][{_list(source.shape)}]"
            f"[{_list(ones)}] : {source.type} into {target.type}"
        )
        return self.emit(text, target.shape, target.element)

    def reshape(self, source: Value, shape: Sequence[int], groups: str) -> Value:
        op = "collapse_shape" if len(shape) < len(source.shape) else "expand_shape"
        extra = f" output_shape [{_list(shape)}]" if op == "expand_shape" else ""
        text = (
            f"tensor.{op} {source.name} {groups}{extra} : {source.type} into {tensor(shape, source.element)}"
        )
        return self.emit(text, shape, source.element)

    def text(self, *results: Value) -> str:
        arguments = ", ".join(f"{a.name}: {a.type}" for a in self.arguments)
        types = ", ".join(r.type for r in results)
        head = f"func.func private @{self.name}({arguments}) -> ({types}) {{"
        values = ", ".join(r.name for r in results)
        return "\n".join([head, *self.lines, f"  func.return {values} : {types}", "}"])

    # Operators

    def map(
        self,
        body: str,
        *operands: Value,
        shape: Sequence[int],
        element: str = "f32",
        maps: Sequence[str] = (),
    ) -> Value:
        """Elementwise with broadcasting by NumPy's rules (or by explicit `maps` over d0, d1, ...)."""
        loops = " ".join(f"d{n}" for n in range(len(shape)))
        if not maps:
            maps = [broadcast_map(v.shape, shape) for v in operands]
        output = (self.empty(shape, element), ", ".join(loops.split()))
        return self.generic(list(zip(operands, maps, strict=True)), output, loops, body)

    def relu(self, x: Value) -> Value:
        zero = self.scalar("0.0", x.element)
        return self.map(f"%r = arith.maximumf %x0, {zero} : {x.element}", x, shape=x.shape, element=x.element)

    def add(self, x: Value, y: Value) -> Value:
        return self.map(f"%r = arith.addf %x0, %x1 : {x.element}", x, y, shape=x.shape, element=x.element)

    def bias(self, x: Value, b: Value, dim: int) -> Value:
        maps = [", ".join(f"d{n}" for n in range(len(x.shape))), f"d{dim}"]
        return self.map(
            f"%r = arith.addf %x0, %x1 : {x.element}", x, b, shape=x.shape, element=x.element, maps=maps
        )

    def reduce(self, x: Value, dims: Sequence[int], op: str, start: str) -> Value:
        rank = len(x.shape)
        kept = [d for d in range(rank) if d not in dims]
        loops = " ".join(f"d{d}" for d in kept) + " | " + " ".join(f"d{d}" for d in dims)
        output = self.fill(start, [x.shape[d] for d in kept], x.element)
        full = ", ".join(f"d{d}" for d in range(rank))
        return self.generic(
            [(x, full)],
            (output, ", ".join(f"d{d}" for d in kept)),
            loops,
            f"%r = {op} %x0, %acc : {x.element}",
        )

    def matmul(self, x: Value, w: Value, transposed: bool = True, batch: int = 0) -> Value:
        """``x @ w.T`` (or ``x @ w``), with leading batch dims."""
        lead = [f"b{n}" for n in range(batch)]
        n, k = (w.shape[-2], w.shape[-1]) if transposed else (w.shape[-1], w.shape[-2])
        del k
        shape = (*x.shape[:-1], n)
        rows = [f"m{d}" for d in range(len(x.shape) - batch - 1)]
        x_map, w_map = [*lead, *rows, "k"], [*lead, *(("n", "k") if transposed else ("k", "n"))]
        output = self.fill("0.0" if x.element.startswith("f") else "0", shape, x.element)
        return self.generic(
            [(x, ", ".join(x_map)), (w, ", ".join(w_map))],
            (output, ", ".join([*lead, *rows, "n"])),
            " ".join([*lead, *rows, "n"]) + " | k",
            multiply_add(x.element),
        )

    def conv(self, x: Value, w: Value, stride: int = 1, padding: int = 0, dilation: int = 1) -> Value:
        n, _, h, width = x.shape
        oc, _, kh, kw = w.shape
        oh, ow = ((d + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for d, k in ((h, kh), (width, kw)))
        if padding:
            x = self.pad(x, (0, 0, padding, padding), (0, 0, padding, padding))
        output = self.fill("0.0", (n, oc, oh, ow), x.element)
        rows = f"oh * {stride} + kh * {dilation}, ow * {stride} + kw * {dilation}"
        return self.generic(
            [(x, f"n, ic, {rows}"), (w, "oc, ic, kh, kw")],
            (output, "n, oc, oh, ow"),
            "n oc oh ow | ic kh kw",
            multiply_add(x.element),
            "aten::conv2d",
        )

    def conv_transpose(self, x: Value, w: Value) -> Value:
        """A transposed convolution without padding; `w` is ``ic, oc, taps, stride, taps, stride``."""
        n, _, h, width = x.shape
        _, oc, th, sh, tw, sw = w.shape
        qh, qw = h + th - 1, width + tw - 1
        x = self.pad(x, (0, 0, th - 1, tw - 1), (0, 0, th - 1, tw - 1))
        output = self.fill("0.0", (n, oc, qh * sh, qw * sw), x.element)
        return self.generic(
            [
                (x, f"n, ic, qh - th + {th - 1}, qw - tw + {tw - 1}"),
                (w, "ic, oc, th, rh, tw, rw"),
                (self.empty((qh, qw), x.element), "qh, qw"),
            ],
            (output, f"n, oc, qh * {sh} + rh, qw * {sw} + rw"),
            "n oc qh rh qw rw | ic th tw",
            multiply_add(x.element),
            "aten::convolution",
        )

    def depthwise(self, x: Value, w: Value, stride: int = 1, padding: int = 0) -> Value:
        n, c, h, width = x.shape
        _, _, kh, kw = w.shape
        oh, ow = ((d + 2 * padding - k) // stride + 1 for d, k in ((h, kh), (width, kw)))
        if padding:
            x = self.pad(x, (0, 0, padding, padding), (0, 0, padding, padding))
        output = self.fill("0.0", (n, c, oh, ow), x.element)
        return self.generic(
            [(x, f"n, c, oh * {stride} + kh, ow * {stride} + kw"), (w, "c, 0, kh, kw")],
            (output, "n, c, oh, ow"),
            "n c oh ow | kh kw",
            multiply_add(x.element),
            "aten::conv2d",
        )

    def pool(self, x: Value, size: int, stride: int, padding: int, op: str, start: str) -> Value:
        n, c, h, width = x.shape
        oh, ow = ((d + 2 * padding - size) // stride + 1 for d in (h, width))
        if padding:
            x = self.pad(x, (0, 0, padding, padding), (0, 0, padding, padding), start)
        output, window = self.fill(start, (n, c, oh, ow), x.element), self.empty((size, size), x.element)
        return self.generic(
            [(x, f"n, c, oh * {stride} + kh, ow * {stride} + kw"), (window, "kh, kw")],
            (output, "n, c, oh, ow"),
            "n c oh ow | kh kw",
            f"%r = {op} %x0, %acc : {x.element}",
            "aten::max_pool2d",
        )


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(str(n) for n in numbers)


def multiply_add(element: str) -> str:
    mul, add = ("arith.mulf", "arith.addf") if element.startswith("f") else ("arith.muli", "arith.addi")
    return f"%t = {mul} %x0, %x1 : {element}\n    %r = {add} %acc, %t : {element}"


def broadcast_map(shape: Sequence[int], target: Sequence[int]) -> str:
    skip = len(target) - len(shape)
    return ", ".join("0" if n == 1 and target[d + skip] != 1 else f"d{d + skip}" for d, n in enumerate(shape))


@dataclass
class Host:
    """A host function that calls kernels; `constants` are weights by key."""

    arguments: list[Value] = field(default_factory=list[Value])
    lines: list[str] = field(default_factory=list[str])
    kernels: list[str] = field(default_factory=list[str])
    count: int = 0

    def argument(self, shape: Sequence[int], element: str = "f32") -> Value:
        value = Value(f"%in{len(self.arguments)}", tuple(shape), element)
        self.arguments.append(value)
        return value

    def constant(self, key: str, shape: Sequence[int], element: str = "f32") -> Value:
        value = Value(f"%{key}", tuple(shape), element)
        self.lines.append(f"  {value.name} = arith.constant dense_resource<{key}> : {value.type}")
        return value

    def call(self, kernel: Kernel, results: Sequence[Value], *operands: Value) -> list[Value]:
        self.kernels.append(kernel.text(*results))
        return self.call_again(kernel, results, *operands)

    def call_again(self, kernel: Kernel, results: Sequence[Value], *operands: Value) -> list[Value]:
        outputs: list[Value] = []
        for result in results:
            self.count += 1
            outputs.append(Value(f"%h{self.count}", result.shape, result.element))
        names = ", ".join(o.name for o in outputs)
        types = ", ".join(o.type for o in outputs)
        arguments = ", ".join(o.name for o in operands)
        ins = ", ".join(o.type for o in operands)
        self.lines.append(f"  {names} = func.call @{kernel.name}({arguments}) : ({ins}) -> ({types})")
        return outputs

    def reshape(self, source: Value, shape: Sequence[int], groups: str) -> Value:
        kernel = Kernel("unused", count=1000 + self.count)
        self.count += 1
        value = kernel.reshape(source, shape, groups)
        self.lines += kernel.lines
        return value

    def text(self, *results: Value) -> str:
        arguments = ", ".join(f"{a.name}: {a.type}" for a in self.arguments)
        types = ", ".join(r.type for r in results)
        head = f"func.func @main({arguments}) -> ({types}) {{"
        values = ", ".join(r.name for r in results)
        return "\n".join([*self.kernels, head, *self.lines, f"  func.return {values} : {types}", "}"])


def module(kernel: Kernel, results: Sequence[Value], constants: Sequence[str | None] = ()) -> str:
    """A host that calls one kernel; `constants` names the arguments that are weights (None: an input)."""
    host = Host()
    operands: list[Value] = []
    for number, argument in enumerate(kernel.arguments):
        key = constants[number] if number < len(constants) else None
        make = host.argument if key is None else None
        operands.append(
            make(argument.shape, argument.element)
            if make
            else host.constant(str(key), argument.shape, argument.element)
        )
    return host.text(*host.call(kernel, results, *operands))


def softmax(kernel: Kernel, x: Value, dim: int) -> Value:
    full = ", ".join(f"d{d}" for d in range(len(x.shape)))
    kept = ", ".join(f"d{d}" for d in range(len(x.shape)) if d != dim)
    top = kernel.reduce(x, (dim,), "arith.maximumf", "0xFF800000")
    body = "%t = arith.subf %x0, %x1 : f32\n    %r = math.exp %t : f32"
    exponential = kernel.map(body, x, top, shape=x.shape, maps=[full, kept])
    total = kernel.reduce(exponential, (dim,), "arith.addf", "0.0")
    return kernel.map("%r = arith.divf %x0, %x1 : f32", exponential, total, shape=x.shape, maps=[full, kept])


def layer_norm(kernel: Kernel, x: Value, weight: Value, bias: Value) -> Value:
    rows, columns = x.shape
    part, eps = kernel.scalar(repr(1.0 / columns)), kernel.scalar("1.0e-5")
    total = kernel.reduce(x, (1,), "arith.addf", "0.0")
    mean = kernel.map(f"%r = arith.mulf %x0, {part} : f32", total, shape=(rows,))
    centred = kernel.map("%r = arith.subf %x0, %x1 : f32", x, mean, shape=x.shape, maps=["d0, d1", "d0"])
    square = kernel.map("%r = arith.mulf %x0, %x0 : f32", centred, shape=x.shape)
    variance = kernel.reduce(square, (1,), "arith.addf", "0.0")
    body = f"%t = arith.mulf %x0, {part} : f32\n    %u = arith.addf %t, {eps} : f32\n"
    body += "    %r = math.rsqrt %u : f32"
    scale = kernel.map(body, variance, shape=(rows,))
    body = (
        "%t = arith.mulf %x0, %x1 : f32\n    %u = arith.mulf %t, %x2 : f32\n    %r = arith.addf %u, %x3 : f32"
    )
    return kernel.map(body, centred, scale, weight, bias, shape=x.shape, maps=["d0, d1", "d0", "d1", "d1"])
