"""LLVM IR of what native functions ask lists of numbers."""

from __future__ import annotations

from string import Template

_OF_NUMBERS = Template("""
define internal $kind @${name}_sum(ptr %items) nounwind {
  %data = load ptr, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  br label %next
next:
  %i = phi i64 [0, %0], [%after, %one]
  %sum = phi $kind [$zero, %0], [%more, %one]
  %goes_on = icmp slt i64 %i, %count
  br i1 %goes_on, label %one, label %done
one:
  %at = getelementptr $kind, ptr %data, i64 %i
  %item = load $kind, ptr %at
  %more = $add $kind %sum, %item
  %after = add i64 %i, 1
  br label %next
done:
  ret $kind %sum
}

define internal $kind @${name}_extreme(ptr %items, i1 %is_greatest) nounwind {
  %data = load ptr, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %first = load $kind, ptr %data
  br label %next
next:
  %i = phi i64 [1, %0], [%after, %one]
  %best = phi $kind [%first, %0], [%better, %one]
  %goes_on = icmp slt i64 %i, %count
  br i1 %goes_on, label %one, label %done
one:
  %at = getelementptr $kind, ptr %data, i64 %i
  %item = load $kind, ptr %at
  %is_greater = $greater $kind %item, %best
  %is_less = $less $kind %item, %best
  %is_better = select i1 %is_greatest, i1 %is_greater, i1 %is_less
  %better = select i1 %is_better, $kind %item, $kind %best
  %after = add i64 %i, 1
  br label %next
done:
  ret $kind %best
}
""")
"""The sum, from left to right, and the greatest or least, of ints or of floats."""
_PLACE = """
define internal i64 @int_place(ptr %items, i64 %wanted) nounwind {
  %data = load ptr, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  br label %next
next:
  %i = phi i64 [0, %0], [%after, %one]
  %goes_on = icmp slt i64 %i, %count
  br i1 %goes_on, label %one, label %none
one:
  %at = getelementptr i64, ptr %data, i64 %i
  %item = load i64, ptr %at
  %is_it = icmp eq i64 %item, %wanted
  %after = add i64 %i, 1
  br i1 %is_it, label %found, label %next
found:
  ret i64 %i
none:
  ret i64 -1
}
"""
LIST_QUESTIONS = "".join(
    (
        _OF_NUMBERS.substitute(
            name="int", kind="i64", zero="0", add="add", greater="icmp sgt", less="icmp slt"
        ),
        _OF_NUMBERS.substitute(
            name="float", kind="double", zero="0.0", add="fadd", greater="fcmp ogt", less="fcmp olt"
        ),
        _PLACE,
    )
)
QUESTIONS = {
    "int_sum": ("i64", ("ptr",)), "float_sum": ("double", ("ptr",)), "int_place": ("i64", ("ptr", "i64")),
    "int_extreme": ("i64", ("ptr", "i1")), "float_extreme": ("double", ("ptr", "i1")),
}  # fmt: skip
"""What always can be asked, without the arena; a greatest or least of lists that are not empty."""
