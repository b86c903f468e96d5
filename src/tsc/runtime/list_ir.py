"""LLVM IR of the lists of native functions: their memory is the call's, and goes with it.

A list is a header of three words: where its elements are, how many there are, and for how many there is room.
An arena is four: where there is room in its newest chunk, where that ends, the chunks, and their bytes.
"""

from __future__ import annotations

MOST_BYTES = 2**28
"""Of lists in one call; Python, which frees what nobody holds, does calls that need more."""

RELEASE = """
declare void @free(ptr)

define void @release(ptr %arena) nounwind {
  %chunks = getelementptr i64, ptr %arena, i64 2
  %first = load ptr, ptr %chunks
  br label %next
next:
  %chunk = phi ptr [%first, %0], [%following, %one]
  %is_last = icmp eq ptr %chunk, null
  br i1 %is_last, label %done, label %one
one:
  %following = load ptr, ptr %chunk
  call void @free(ptr %chunk)
  br label %next
done:
  ret void
}
"""
"""What frees the memory of a call."""
LIST_HELPERS = f"""
declare ptr @malloc(i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare {{i64, i1}} @llvm.ssub.with.overflow.i64(i64, i64)

define internal ptr @chunk(ptr %arena, i64 %bytes) nounwind noinline {{
  %total_at = getelementptr i64, ptr %arena, i64 3
  %total = load i64, ptr %total_at
  %half = lshr i64 %total, 1
  %is_more = icmp ugt i64 %half, 65536
  %usual = select i1 %is_more, i64 %half, i64 65536
  %with_link = add i64 %bytes, 16
  %is_larger = icmp ugt i64 %with_link, %usual
  %size = select i1 %is_larger, i64 %with_link, i64 %usual
  %sum = add i64 %total, %size
  %is_too_much = icmp ugt i64 %sum, {MOST_BYTES}
  br i1 %is_too_much, label %none, label %ask
ask:
  %made = call ptr @malloc(i64 %size)
  %has_none = icmp eq ptr %made, null
  br i1 %has_none, label %none, label %take
take:
  store i64 %sum, ptr %total_at
  %chunks = getelementptr i64, ptr %arena, i64 2
  %before = load ptr, ptr %chunks
  store ptr %before, ptr %made
  store ptr %made, ptr %chunks
  %found = getelementptr i8, ptr %made, i64 16
  %at = getelementptr i8, ptr %found, i64 %bytes
  %end = getelementptr i8, ptr %made, i64 %size
  store ptr %at, ptr %arena
  %end_at = getelementptr i64, ptr %arena, i64 1
  store ptr %end, ptr %end_at
  ret ptr %found
none:
  ret ptr null
}}

define internal ptr @allocated(ptr %arena, i64 %words) nounwind {{
  %is_wild = icmp ugt i64 %words, {MOST_BYTES}
  br i1 %is_wild, label %none, label %look
none:
  ret ptr null
look:
  %even = add i64 %words, 1
  %pairs = and i64 %even, -2
  %bytes = shl i64 %pairs, 3
  %at = load ptr, ptr %arena
  %end_at = getelementptr i64, ptr %arena, i64 1
  %end = load ptr, ptr %end_at
  %from = ptrtoint ptr %at to i64
  %to = ptrtoint ptr %end to i64
  %room = sub i64 %to, %from
  %fits = icmp ule i64 %bytes, %room
  br i1 %fits, label %here, label %elsewhere
here:
  %next = getelementptr i8, ptr %at, i64 %bytes
  store ptr %next, ptr %arena
  ret ptr %at
elsewhere:
  %found = call ptr @chunk(ptr %arena, i64 %bytes)
  ret ptr %found
}}

define internal ptr @made(ptr %arena, i64 %count, i64 %words) nounwind {{
  %is_wild = icmp ugt i64 %count, {MOST_BYTES}
  br i1 %is_wild, label %none, label %ask
ask:
  %size = mul i64 %count, %words
  %all = add i64 %size, 3
  %items = call ptr @allocated(ptr %arena, i64 %all)
  %has_none = icmp eq ptr %items, null
  br i1 %has_none, label %none, label %fill
fill:
  %data = getelementptr i64, ptr %items, i64 3
  store ptr %data, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  store i64 %count, ptr %count_at
  %room_at = getelementptr i64, ptr %items, i64 2
  store i64 %count, ptr %room_at
  ret ptr %items
none:
  ret ptr null
}}

define internal i64 @grown(ptr %arena, ptr %items, i64 %wanted, i64 %words) nounwind noinline {{
  %room_at = getelementptr i64, ptr %items, i64 2
  %room = load i64, ptr %room_at
  %double = shl i64 %room, 1
  %is_more = icmp ugt i64 %wanted, %double
  %larger = select i1 %is_more, i64 %wanted, i64 %double
  %is_small = icmp ult i64 %larger, 4
  %capacity = select i1 %is_small, i64 4, i64 %larger
  %is_wild = icmp ugt i64 %capacity, {MOST_BYTES}
  br i1 %is_wild, label %none, label %ask
ask:
  %size = mul i64 %capacity, %words
  %data = call ptr @allocated(ptr %arena, i64 %size)
  %has_none = icmp eq ptr %data, null
  br i1 %has_none, label %none, label %move
move:
  %before = load ptr, ptr %items
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %used = mul i64 %count, %words
  %bytes = shl i64 %used, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %before, i64 %bytes, i1 false)
  store ptr %data, ptr %items
  store i64 %capacity, ptr %room_at
  ret i64 0
none:
  ret i64 -1
}}

define internal i64 @appended(ptr %arena, ptr %items, i64 %words) nounwind alwaysinline {{
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %room_at = getelementptr i64, ptr %items, i64 2
  %room = load i64, ptr %room_at
  %after = add i64 %count, 1
  %fits = icmp ult i64 %count, %room
  br i1 %fits, label %take, label %grow
grow:
  %failed = call i64 @grown(ptr %arena, ptr %items, i64 %after, i64 %words)
  %is_grown = icmp eq i64 %failed, 0
  br i1 %is_grown, label %take, label %none
take:
  store i64 %after, ptr %count_at
  ret i64 %count
none:
  ret i64 -1
}}

define internal i64 @extended(ptr %arena, ptr %items, ptr %more, i64 %words) nounwind {{
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %more_at = getelementptr i64, ptr %more, i64 1
  %added = load i64, ptr %more_at
  %sum = add i64 %count, %added
  %room_at = getelementptr i64, ptr %items, i64 2
  %room = load i64, ptr %room_at
  %fits = icmp ule i64 %sum, %room
  br i1 %fits, label %copy, label %grow
grow:
  %failed = call i64 @grown(ptr %arena, ptr %items, i64 %sum, i64 %words)
  %is_grown = icmp eq i64 %failed, 0
  br i1 %is_grown, label %copy, label %none
copy:
  %data = load ptr, ptr %items
  %source = load ptr, ptr %more
  %used = mul i64 %count, %words
  %place = getelementptr i64, ptr %data, i64 %used
  %size = mul i64 %added, %words
  %bytes = shl i64 %size, 3
  call void @llvm.memmove.p0.p0.i64(ptr %place, ptr %source, i64 %bytes, i1 false)
  store i64 %sum, ptr %count_at
  ret i64 0
none:
  ret i64 -1
}}

define internal ptr @repeated(ptr %arena, ptr %items, i64 %times, i64 %words) nounwind {{
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %is_wild = icmp ugt i64 %times, {MOST_BYTES}
  %is_long = icmp ugt i64 %count, {MOST_BYTES}
  %is_neither = or i1 %is_wild, %is_long
  br i1 %is_neither, label %none, label %ask
ask:
  %all = mul i64 %count, %times
  %made = call ptr @made(ptr %arena, i64 %all, i64 %words)
  %has_none = icmp eq ptr %made, null
  br i1 %has_none, label %none, label %start
start:
  %source = load ptr, ptr %items
  %data = load ptr, ptr %made
  %step = mul i64 %count, %words
  %bytes = shl i64 %step, 3
  br label %next
next:
  %i = phi i64 [0, %start], [%after, %one]
  %goes_on = icmp ult i64 %i, %times
  br i1 %goes_on, label %one, label %done
one:
  %offset = mul i64 %i, %step
  %place = getelementptr i64, ptr %data, i64 %offset
  call void @llvm.memcpy.p0.p0.i64(ptr %place, ptr %source, i64 %bytes, i1 false)
  %after = add i64 %i, 1
  br label %next
done:
  ret ptr %made
none:
  ret ptr null
}}

define internal i64 @within(i64 %place, i64 %count) nounwind alwaysinline {{
  %is_negative = icmp slt i64 %place, 0
  %from_end = add i64 %place, %count
  %from_start = select i1 %is_negative, i64 %from_end, i64 %place
  %is_before = icmp slt i64 %from_start, 0
  %at_least = select i1 %is_before, i64 0, i64 %from_start
  %is_beyond = icmp sgt i64 %at_least, %count
  %found = select i1 %is_beyond, i64 %count, i64 %at_least
  ret i64 %found
}}

define internal ptr @sliced(ptr %arena, ptr %items, i64 %start, i64 %end, i64 %words) nounwind {{
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %low = call i64 @within(i64 %start, i64 %count)
  %high = call i64 @within(i64 %end, i64 %count)
  %distance = sub i64 %high, %low
  %is_none = icmp slt i64 %distance, 0
  %taken = select i1 %is_none, i64 0, i64 %distance
  %made = call ptr @made(ptr %arena, i64 %taken, i64 %words)
  %has_none = icmp eq ptr %made, null
  br i1 %has_none, label %none, label %copy
copy:
  %data = load ptr, ptr %made
  %source = load ptr, ptr %items
  %offset = mul i64 %low, %words
  %place = getelementptr i64, ptr %source, i64 %offset
  %size = mul i64 %taken, %words
  %bytes = shl i64 %size, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %place, i64 %bytes, i1 false)
  ret ptr %made
none:
  ret ptr null
}}

define internal i64 @removed(ptr %arena, ptr %items, i64 %place, i64 %words) nounwind {{
  %count_at = getelementptr i64, ptr %items, i64 1
  %count = load i64, ptr %count_at
  %less = sub i64 %count, 1
  %data = load ptr, ptr %items
  %offset = mul i64 %place, %words
  %to = getelementptr i64, ptr %data, i64 %offset
  %from = getelementptr i64, ptr %to, i64 %words
  %rest = sub i64 %less, %place
  %size = mul i64 %rest, %words
  %bytes = shl i64 %size, 3
  call void @llvm.memmove.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  store i64 %less, ptr %count_at
  ret i64 0
}}

define internal i64 @distance(ptr %arena, i64 %low, i64 %high) nounwind alwaysinline {{
  %both = call {{i64, i1}} @llvm.ssub.with.overflow.i64(i64 %high, i64 %low)
  %found = extractvalue {{i64, i1}} %both, 0
  %is_wild = extractvalue {{i64, i1}} %both, 1
  %is_none = icmp sle i64 %high, %low
  %some = select i1 %is_none, i64 0, i64 %found
  %is_beyond = icmp sgt i64 %some, {2**62}
  %fails = or i1 %is_wild, %is_beyond
  %result = select i1 %fails, i64 -1, i64 %some
  ret i64 %result
}}
"""
"""What is given back as -1 or null could not be done."""
SIGNATURES = {
    "made": ("ptr", ("i64", "i64")), "appended": ("i64", ("ptr", "i64")),
    "extended": ("i64", ("ptr", "ptr", "i64")), "repeated": ("ptr", ("ptr", "i64", "i64")),
    "sliced": ("ptr", ("ptr", "i64", "i64", "i64")), "removed": ("i64", ("ptr", "i64", "i64")),
    "distance": ("i64", ("i64", "i64")),
}  # fmt: skip
"""What helpers give, and take beside the arena."""
