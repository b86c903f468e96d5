"""The forms random programs are made of, one a line (a table, and so longer than other files); what stands in
braces is filled by `filling`.

``{x}`` any tensor, which the holes after it refer to; ``{f}`` one of floats, ``{k}`` of integers, ``{m}`` of
bools; ``{y}`` one that fits ``x``, ``{z}`` one of its shape and dtype; ``{d} {e}`` dims of it, ``{i}``
an index along ``d``, ``{v}`` a slice, ``{shape}`` sizes with as many elements, ``{perm}`` its dims in any
order;
``{n}`` an int, ``{s}`` a number, ``{b}`` a bool, ``{t}`` a dtype, ``{index}`` a tensor of indices for ``d``;
``{l} {L}`` a list of tensors (to be changed), ``{q}`` a list of ints, ``{D}`` a dict, ``{T}`` a tuple,
``{h}`` a helper function, ``{c}`` a condition.
"""

from __future__ import annotations


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


VIEWS = _lines("""
    {x}.select({d}, {i})
    {x}[{i}]
    {x}[{v}]
    {x}[..., {v}]
    {x}[:, {v}]
    {x}[{v}, {v}]
    {x}[..., {i}]
    {x}[{i}, {v}]
    {x}[None]
    {x}[:, None]
    {x}[..., None]
    {x}.narrow({d}, {i}, 1)
    {x}.transpose({d}, {e})
    {x}.t()
    {x}.mT
    {x}.adjoint()
    {x}.permute({perm})
    {x}.movedim({d}, {e})
    {x}.swapaxes({d}, {e})
    {x}.view({shape})
    {x}.reshape({shape})
    {x}.view(-1)
    {x}.reshape(-1)
    {x}.flatten()
    {x}.flatten(0, 1)
    {x}.ravel()
    {x}.unflatten({d}, [-1, 1])
    {x}.expand([2] + {x}.size())
    {x}.expand_as({y})
    {x}.broadcast_to({y}.shape)
    {x}.unfold({d}, 2, 1)
    {x}.unfold({d}, 2, 2)
    {x}.unfold({d}, 1, 2)
    {x}.diagonal()
    {x}.diagonal({i}, {d}, {e})
    {x}.squeeze()
    {x}.squeeze({d})
    {x}.unsqueeze({d})
    {x}.unsqueeze(-1)
    {x}.chunk(2, {d})[0]
    {x}[: {x}.size(0) - 1]
    {x}[..., : {x}.size(-1) // 2]
    {x}.narrow({d}, 0, {x}.size({d}) // 2)
    {x}.chunk(2, {d})[-1]
    {x}.split(1, {d})[{i}]
    torch.tensor_split({x}, 2, {d})[0]
    torch.unbind({x}, {d})[{i}]
    torch.atleast_1d({x})
    torch.atleast_2d({x})
    torch.atleast_3d({x})
    {x}.view_as({z})
    torch.real({x})
    {x}.detach()
    {x}.contiguous()
    {x}.to({x}.dtype)
    {x}.type_as({y})
    torch.einsum("ij->ji", {x})
    torch.einsum("...ij->...ji", {x})
    torch.einsum("ii->i", {x})
    torch.meshgrid([{x}, {y}], indexing="ij")[0]
    torch.meshgrid([{x}, {y}], indexing="ij")[1]
    torch.broadcast_tensors({x}, {y})[0]
    {x}.positive()
    {x}.clone()
    {x}.as_strided([2], [1])
    {x}.squeeze().unsqueeze(0)
    {x}.t()[{v}]
    {x}.flip({d})
    {x}.roll({n}, {d})
    {x}.repeat([2] + [1] * ({x}.dim() - 1))
""")

POINTWISE = _lines("""
    {x} + {y}
    {x} - {y}
    {x} * {y}
    {x} / {y}
    {x} + {s}
    {s} - {x}
    {x} * {s}
    {x} / {s}
    {x} // {s}
    {x} % {s}
    {x} ** 2
    -{x}
    torch.add({x}, {y}, alpha=2)
    torch.sub({x}, {y}, alpha={s})
    torch.rsub({x}, {s})
    torch.maximum({x}, {y})
    torch.minimum({x}, {y})
    torch.where({m}, {x}, {y})
    torch.where({x} > 0, {x}, {y})
    torch.where({x} > {s}, {x}, {s})
    torch.lerp({f}, {z}, 0.25)
    torch.addcmul({x}, {y}, {y}, value=0.5)
    torch.clamp({x}, {n}, 3)
    {x}.clamp(min={s})
    {x}.clamp(max=1)
    torch.relu({x})
    F.relu6({x})
    torch.sigmoid({x})
    torch.tanh({x})
    torch.exp({x}.clamp(max=3))
    torch.sin({x})
    torch.cos({x})
    torch.sqrt({x}.abs())
    torch.rsqrt({x}.abs() + 1)
    torch.log({x}.abs() + 1)
    torch.log1p({x}.abs())
    torch.expm1({x}.clamp(max=2))
    torch.erf({f})
    F.gelu({f})
    F.silu({f})
    F.elu({f})
    F.leaky_relu({f}, 0.1)
    F.softplus({f})
    F.hardtanh({f})
    F.hardsigmoid({f})
    F.hardswish({f})
    torch.abs({x})
    torch.sign({x})
    torch.floor({x})
    torch.ceil({x})
    torch.round({x})
    torch.trunc({x})
    torch.frac({f})
    torch.square({x})
    torch.reciprocal({x}.abs() + 1)
    torch.pow({x}, 2)
    torch.fmod({x}, 3)
    torch.remainder({x}, 3)
    torch.atan2({x}, {y})
    torch.floor_divide({x}, 2)
    torch.div({x}, {y}.abs() + 1, rounding_mode="floor")
    torch.div({x}, 3, rounding_mode="trunc")
    {x} > {y}
    {x} <= {s}
    {x} == {y}
    {x} != {s}
    torch.logical_and({x}, {y})
    torch.logical_not({x})
    torch.isnan({x})
    torch.isfinite({f})
    torch.nan_to_num({f})
    {m} & {m}
    {m} | ~{m}
    {k} & 3
    {k} ^ {k}
    {k} << 1
    ~{k}
    {x}.masked_fill({x} > 0, {s})
    {x}.to({t})
    {x}.float()
    {x}.double()
    {x}.half().float()
    {x}.to(torch.bfloat16)
    {x}.to(torch.bool)
    {x}.long()
    {x}.int()
    {x}.to(torch.uint8)
    torch.zeros_like({x})
    torch.ones_like({x}) * {s}
    torch.full_like({x}, {n})
    torch.zeros({x}.shape, dtype={t})
    {x}.new_ones({x}.shape)
    torch.full([{x}.size({d})], 0.5)
    torch.arange({x}.numel())
    torch.heaviside({f}, {z})
    torch.copysign({f}, {y})
    torch.hypot({f}, {z})
    torch.tril({x})
    torch.triu({x}, 1)
    F.threshold({x}, 0.5, 1.0)
    F.dropout({f}, 0.5, False)
""")

REDUCTIONS = _lines("""
    {x}.sum()
    {x}.sum({d})
    {x}.sum({d}, keepdim=True)
    {x}.sum([{d}, {e}])
    torch.sum({x}, {d}, dtype=torch.float32)
    {f}.mean()
    {f}.mean({d})
    {f}.mean({d}, True)
    {x}.max()
    {x}.min()
    {x}.max({d})[0]
    {x}.max({d})[1]
    {x}.min({d}, keepdim=True)[0]
    {x}.amax({d})
    {x}.amin([{d}, {e}])
    {x}.argmax()
    {x}.argmax({d})
    {x}.argmin({d}, True)
    {x}.clamp(-2, 2).prod()
    {x}.clamp(-2, 2).prod({d})
    {f}.std()
    {f}.std({d})
    {f}.var({d}, unbiased=False)
    {f}.var({d}, keepdim=True)
    ({x} > 0).any()
    ({x} > 0).all({d})
    {x}.any({d})
    {f}.norm()
    torch.norm({f}, 2, {d})
    torch.logsumexp({f}, {d})
    {x}.cumsum({d})
    {x}.clamp(-1, 1).cumprod({d})
    torch.cummax({x}, {d})[0]
    torch.softmax({f}, {d})
    F.softmax({f}, {d}, dtype=torch.float32)
    torch.log_softmax({f}, {d})
    F.layer_norm({f}, [{f}.size(-1)])
    F.group_norm({f}, 1)
    F.normalize({f}, dim={d})
    {x}.count_nonzero()
    torch.diff({x})
    torch.trace({x})
    torch.aminmax({x})[1]
    {x}.median()
    torch.bincount(({k}.abs() % 4).long().reshape(-1))
""")

PRODUCTS = _lines("""
    torch.matmul({f}, {f})
    {f} @ {z}.mT
    torch.matmul({f}, {z}.transpose(-1, -2))
    torch.mm({f}, {z}.t())
    torch.bmm({f}, {z}.mT)
    torch.mv({f}, {f}.sum(0))
    torch.dot({f}.reshape(-1), {z}.reshape(-1))
    torch.outer({f}.reshape(-1), {f}.reshape(-1))
    torch.addmm({f}, {f}, {f})
    torch.baddbmm({f}, {f}, {f})
    F.linear({f}, {z})
    F.linear({f}, {f}, {f})
    torch.einsum("ij,kj->ik", {f}, {z})
    torch.einsum("bij,bkj->bik", {f}, {z})
    F.conv1d({f}, {f})
    F.conv1d({f}, torch.ones(2, {f}.size(1), 2), padding=1)
    F.conv2d({f}, torch.ones(2, {f}.size(1), 2, 2) * 0.25, stride=1, padding=1)
    F.conv2d({f}, {f}, padding=1)
    F.max_pool2d({f}, 2, 1)
    F.avg_pool2d({f}, 2, 1)
    F.max_pool1d({f}, 2)
    F.adaptive_avg_pool2d({f}, [1, 2])
    F.interpolate({f}, scale_factor=2.0)
    F.pad({x}, [1, 1])
    F.pad({x}, [0, 1, 1, 0], value=2.0)
    F.scaled_dot_product_attention({f}, {z}, {z})
""")

JOINING = _lines("""
    torch.cat([{x}, {z}], {d})
    torch.cat([{x}, {y}])
    torch.stack([{x}, {z}], {d})
    torch.cat({l})
    torch.stack({l})
    torch.hstack([{x}, {z}])
    {x}[{index}]
    {x}[:, {index}]
    {x}[{x} > 0]
    torch.index_select({x}, {d}, {index})
    torch.gather({x}, {d}, torch.zeros_like({x}, dtype=torch.int64))
    torch.gather({x}, {d}, torch.argsort({x}, {d}))
    torch.take({x}, {index})
    F.embedding({index}, {f})
    {x}.topk(1, {d})[0]
    {x}.topk(2)[0]
    {x}.sort({d})[0]
    torch.sort({x}, {d}, descending=True)[1]
    torch.nonzero({x})
    torch.masked_select({x}, {x} > 0)
    torch.scatter({x}, {d}, torch.zeros_like({x}, dtype=torch.int64), {s})
    torch.index_add({x}, {d}, {index}, torch.index_select({x}, {d}, {index}))
    {T}[0]
    {T}[1]
    {l}[0]
    {l}[-1]
    {l}.pop()
    {D}["a"]
    {h}({x}, {n})
    {h}({f}, {n})
    torch.tensor([1.0, 0.5])
    torch.tensor({n})
    torch.unique({x})
    torch.repeat_interleave({x}, 2, {d})
    torch.searchsorted({x}.reshape(-1).sort()[0], {z}.reshape(-1))
""")

DRAWS = _lines("""
    torch.rand_like({f})
    {f} + torch.randn_like({f})
    torch.rand([2, 3]) + {n}
    torch.randn({x}.shape)
    torch.randn([3, 40])
    torch.rand({x}.size(0), 1, dtype=torch.float64)
    torch.randint(0, 5, [3, 2])
    torch.randint_like({f}, -4, 9)
    torch.nn.functional.dropout({f}, 0.4, True)
    torch.bernoulli(torch.sigmoid({f}))
    torch.multinomial(torch.sigmoid({f}) + 0.1, 1)
    {f}.clone().uniform_(-1.0, 2.0)
    {f}.clone().normal_(0.5, 0.25)
    torch.normal({f}, 0.5)
    torch.rand_like({f}.t())
    {x}[torch.randperm({x}.size(0))]
""")

WRITES = _lines("""
    {x}.add_({s})
    {x}.add_({y})
    {x}.sub_({y}, alpha=2)
    {x}.mul_({s})
    {x}.mul_({y})
    {x}.div_(2)
    {x} += {y}
    {x} *= {s}
    {x} -= {s}
    {x}.relu_()
    {x}.abs_()
    {x}.neg_()
    {f}.sigmoid_()
    {f}.exp_()
    {f}.tanh_()
    {x}.clamp_(0, 2)
    {x}.fill_({s})
    {x}.zero_()
    {x}.copy_({y})
    {x}.copy_({y}.clone())
    {x}.masked_fill_({x} > 0, {s})
    {x}.index_fill_({d}, {index}, {n})
    {x}.index_add_({d}, {index}, torch.index_select({x}, {d}, {index}).clone())
    {x}.index_copy_({d}, torch.arange({x}.size({d})), {z}.clone())
    {x}.scatter_({d}, torch.zeros_like({x}, dtype=torch.int64), {n})
    {x}.scatter_add_({d}, torch.zeros_like({x}, dtype=torch.int64), {z}.clone())
    {x}.index_put_([{index}], torch.tensor(1, dtype={x}.dtype))
    {x}[{x} > 0] = {s}
    {x}[{x} < {s}] += 1
    {x}[{index}] = {s}
    {x}[{i}] = {s}
    {x}[{i}] = {y}[{i}]
    {x}[{i}] += {s}
    {x}[{v}] = {s}
    {x}[{v}] *= 2
    {x}[..., {v}] = {n}
    {x}[1:, ::2] += {s}
    {x}[:, {i}] = {x}[:, 0].clone()
    {x}[{i}, {v}] = {s}
    {x}[...] = {y}
    {x}[:] = {z} + 1
    {x}.select({d}, {i}).fill_({s})
    {x}.t().mul_({s})
    {x}.transpose({d}, {e})[{i}] = {s}
    {x}.view(-1)[{v}].add_(1)
    {x}.narrow({d}, {i}, 1).zero_()
    {x}.diagonal().fill_({s})
    {x}.unfold({d}, 2, 2).add_(1)
    {x}.unsqueeze(0).mul_(2)
    {x}.squeeze().add_({s})
    {x}.flatten().add_(1)
    {x}.reshape(-1).mul_(2)
    {x}.chunk(2, {d})[0].add_({s})
    {x}.split(1, {d})[{i}].zero_()
    {x}.unbind({d})[{i}].fill_({s})
    {x}.movedim({d}, {e}).sub_(1)
    {x}.adjoint().add_(1)
    torch.einsum("ij->ji", {x}).add_(1)
    torch.atleast_2d({x}).add_(1)
    {x}.expand_as({x}).add_(1)
    {x}.detach().add_(1)
    {x}.contiguous().add_(1)
    {x}.permute({perm}).mul_({s})
    torch.add({x}, {y}, out={z})
    torch.mul({x}, {s}, out={z})
    torch.relu(torch.neg({x}, out={z}))
    torch.cat([{x}, {x}], {d}, out=torch.empty(0))
    F.relu({x}, inplace=True)
    torch.relu_({x})
    {x}.unsqueeze_(0)
    {x}.t_()
    {x}.squeeze_()
    {L}.append({x})
    {L}.insert(0, {x})
    {L}.extend([{x}, {y}])
    {L}.reverse()
    {L}[0] = {x}
    {L}[-1] = {x} + {s}
    {l}[0].add_({s})
    {l}[-1][{i}] = {s}
    {l}[0] += 1
    {D}["a"] = {x}
    {D}["c"] = {x} * {s}
    {D}["a"].mul_({s})
    {D}["a"] += 1
    {T}[0].add_({s})
    {q}.append({n})
    {q}[0] = {n}
    assert {c} or {x}.numel() >= 0
""")

INTS = _lines("""
    {x}.size({d})
    {x}.shape[-1]
    {x}.numel()
    {x}.dim()
    len({x})
    len({l})
    len({D})
    {x}.stride()[0]
    {x}.storage_offset()
    {n} + 1
    {n} * 2 - {n}
    {n} // 2
    {n} % 3
    -{n}
    abs({n})
    max({n}, {n})
    int({x}.sum().clamp(-9, 9))
    int({x}.numel() / 2)
    {q}[0]
    len({q})
    sum({q})
    1 if {c} else {n}
""")

FLOATS = _lines("""
    float({x}.sum())
    {n} * 0.5
    float({n})
    float({x}.max())
    math.sqrt(abs({n}))
    {n} / 2
    {x}.numel() / 4
    float({f}.mean().item())
    round({s} * 1.0)
    0.5 if {c} else 1.5
""")

CONDITIONS = _lines("""
    bool({x}.sum() > 0)
    float({x}.sum()) < {n}
    {x}.size({d}) > 2
    {n} > 1
    {n} % 2 == 0
    {x}.is_contiguous()
    {x}.dim() == 2
    {x}.numel() > 6
    bool(({x} > 0).any())
    bool(torch.all({x} == {x}))
    len({l}) > 1
    "a" in {D}
    not {b}
    {b} and {n} < 2
    {x}.dtype == torch.float32
    {x}.is_floating_point()
    torch.equal({x}, {z})
    {q} == {x}.shape
    {o} is None
""")

BY_KIND: dict[str, list[str]] = {
    "int": INTS,
    "float": FLOATS,
    "bool": CONDITIONS,
    "List[Tensor]": _lines("""
        [{x}, {y}]
        [{x}]
        {l} + [{x}]
        {l}[1:]
        [t * 2 for t in {l}]
        [t for t in {l}]
        list({x}.unbind({d}))
        {x}.split(1, {d})
        list({D}.values())
        [{x}[j] for j in range({x}.size(0))]
        [{x}, {x}]
        {l}
    """),
    "List[int]": _lines("""
        {x}.size()
        [{n}, {n}]
        list({x}.shape)
        [j * j for j in range({n})]
        {q}[::-1]
        {q} + [1]
    """),
    "Tuple[Tensor, Tensor]": _lines("""
        ({x}, {y})
        ({x}, {x}.t())
        {x}.max({d})
        {x}.sort({d})
        ({x} + 1, {x})
    """),
    "Dict[str, Tensor]": _lines("""
        {"a": {x}, "b": {y}}
        {"a": {x}}
        dict(a={x}, b={x} * 2)
    """),
    "Optional[Tensor]": _lines("""
        {x}
        None
        {D}.get("b")
    """),
}
"""Expressions by the type they have."""
