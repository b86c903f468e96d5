"""Integer powers: repeated squaring, lane by lane."""


def function_text(name: str, type_: str) -> str:
    """``base ** exponent`` modulo the width; a negative exponent gives 1 and -1 for those bases, else 0."""
    if not type_.startswith("<"):
        return _scalar(name, type_)
    lanes, scalar = int(type_[1:].split(" ")[0]), type_[1:-1].split(" ")[-1]
    lines = [
        _scalar(f"{name}.lane", scalar),
        f"define internal {type_} @{name}({type_} %b, {type_} %e) nounwind {{",
    ]
    previous = "poison"
    for lane in range(lanes):
        lines.append(f"  %b{lane} = extractelement {type_} %b, i32 {lane}")
        lines.append(f"  %e{lane} = extractelement {type_} %e, i32 {lane}")
        lines.append(f"  %p{lane} = call {scalar} @{name}.lane({scalar} %b{lane}, {scalar} %e{lane})")
        lines.append(f"  %r{lane} = insertelement {type_} {previous}, {scalar} %p{lane}, i32 {lane}")
        previous = f"%r{lane}"
    return "\n".join([*lines, f"  ret {type_} {previous}", "}"])


def _scalar(name: str, type_: str) -> str:
    return f"""define internal {type_} @{name}({type_} %base, {type_} %exponent) nounwind {{
entry:
  %negative = icmp slt {type_} %exponent, 0
  br i1 %negative, label %inverse, label %loop
inverse:
  %is_one = icmp eq {type_} %base, 1
  %is_minus_one = icmp eq {type_} %base, -1
  %low = and {type_} %exponent, 1
  %odd = icmp ne {type_} %low, 0
  %sign = select i1 %odd, {type_} -1, {type_} 1
  %unit = select i1 %is_minus_one, {type_} %sign, {type_} 0
  %result = select i1 %is_one, {type_} 1, {type_} %unit
  ret {type_} %result
loop:
  %power = phi {type_} [ 1, %entry ], [ %next_power, %step ]
  %square = phi {type_} [ %base, %entry ], [ %next_square, %step ]
  %left = phi {type_} [ %exponent, %entry ], [ %next_left, %step ]
  %done = icmp eq {type_} %left, 0
  br i1 %done, label %end, label %step
step:
  %bit = and {type_} %left, 1
  %take = icmp ne {type_} %bit, 0
  %product = mul {type_} %power, %square
  %next_power = select i1 %take, {type_} %product, {type_} %power
  %next_square = mul {type_} %square, %square
  %next_left = lshr {type_} %left, 1
  br label %loop
end:
  ret {type_} %power
}}"""
