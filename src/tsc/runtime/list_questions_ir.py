"""LLVM IR of what native functions ask lists of numbers."""

from __future__ import annotations

LIST_QUESTIONS = """
define internal i64 @int_sum(ptr %items) nounwind {
  %data = load ptr, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  br label %next
next:
  %i = phi i64 [0, %0], [%after, %one]
  %sum = phi i64 [0, %0], [%more, %one]
  %goes_on = icmp slt i64 %i, %count
  br i1 %goes_on, label %one, label %done
one:
  %at = getelementptr i64, ptr %data, i64 %i
  %item = load i64, ptr %at
  %more = add i64 %sum, %item
  %after = add i64 %i, 1
  br label %next
done:
  ret i64 %sum
}

define internal double @float_sum(ptr %items) nounwind {
  %data = load ptr, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  br label %next
next:
  %i = phi i64 [0, %0], [%after, %one]
  %sum = phi double [0.0, %0], [%more, %one]
  %goes_on = icmp slt i64 %i, %count
  br i1 %goes_on, label %one, label %done
one:
  %at = getelementptr double, ptr %data, i64 %i
  %item = load double, ptr %at
  %more = fadd double %sum, %item
  %after = add i64 %i, 1
  br label %next
done:
  ret double %sum
}

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

define internal i64 @int_extreme(ptr %items, i1 %is_greatest) nounwind {
  %data = load ptr, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %first = load i64, ptr %data
  br label %next
next:
  %i = phi i64 [1, %0], [%after, %one]
  %best = phi i64 [%first, %0], [%better, %one]
  %goes_on = icmp slt i64 %i, %count
  br i1 %goes_on, label %one, label %done
one:
  %at = getelementptr i64, ptr %data, i64 %i
  %item = load i64, ptr %at
  %is_greater = icmp sgt i64 %item, %best
  %is_less = icmp slt i64 %item, %best
  %is_better = select i1 %is_greatest, i1 %is_greater, i1 %is_less
  %better = select i1 %is_better, i64 %item, i64 %best
  %after = add i64 %i, 1
  br label %next
done:
  ret i64 %best
}

define internal double @float_extreme(ptr %items, i1 %is_greatest) nounwind {
  %data = load ptr, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %first = load double, ptr %data
  br label %next
next:
  %i = phi i64 [1, %0], [%after, %one]
  %best = phi double [%first, %0], [%better, %one]
  %goes_on = icmp slt i64 %i, %count
  br i1 %goes_on, label %one, label %done
one:
  %at = getelementptr double, ptr %data, i64 %i
  %item = load double, ptr %at
  %is_greater = fcmp ogt double %item, %best
  %is_less = fcmp olt double %item, %best
  %is_better = select i1 %is_greatest, i1 %is_greater, i1 %is_less
  %better = select i1 %is_better, double %item, double %best
  %after = add i64 %i, 1
  br label %next
done:
  ret double %best
}
"""
QUESTIONS = {
    "int_sum": ("i64", ("ptr",)), "float_sum": ("double", ("ptr",)), "int_place": ("i64", ("ptr", "i64")),
    "int_extreme": ("i64", ("ptr", "i1")), "float_extreme": ("double", ("ptr", "i1")),
}  # fmt: skip
"""What always can be asked, without the arena; a greatest or least of lists that are not empty."""
