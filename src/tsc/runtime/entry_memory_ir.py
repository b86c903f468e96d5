"""What a native entry computes in, as LLVM IR text: new arrays for the outputs, and arenas.

Offsets and words of the record are those of `tsc.runtime.entry_ir`.
"""

DATA = 16
"""Offset of the elements' address in an array (`PyArrayObject_fields`)."""

# New arrays for all outputs; false if one could not be had, with those before it released.
ALLOCATE = f"""
define internal i1 @allocate(ptr %spec0, ptr %sizes, i64 %count, ptr %arrays, ptr %data) nounwind {{
entry:
  %symbolic = icmp ne ptr %sizes, null
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %made ]
  %spec = phi ptr [ %spec0, %entry ], [ %following, %made ]
  %left = phi ptr [ %sizes, %entry ], [ %rest, %made ]
  %end = icmp eq i64 %i, %count
  br i1 %end, label %good, label %make
make:
  %descr = load ptr, ptr %spec
  %ndim_p = getelementptr i64, ptr %spec, i64 1
  %ndim = load i64, ptr %ndim_p
  %ndim32 = trunc i64 %ndim to i32
  %stated = getelementptr i64, ptr %spec, i64 2
  %dims = select i1 %symbolic, ptr %left, ptr %stated
  call void @Py_IncRef@(ptr %descr)
  %array = call ptr @PyArray_NewFromDescr@(ptr @PyArray_Type@, ptr %descr, i32 %ndim32, ptr %dims, ptr null,
  ptr null, i32 0, ptr null)
  %failed = icmp eq ptr %array, null
  br i1 %failed, label %undo, label %made
made:
  %array_p = getelementptr ptr, ptr %arrays, i64 %i
  store ptr %array, ptr %array_p
  %from_p = getelementptr i8, ptr %array, i64 {DATA}
  %from = load ptr, ptr %from_p
  %to_p = getelementptr ptr, ptr %data, i64 %i
  store ptr %from, ptr %to_p
  %following = getelementptr i64, ptr %stated, i64 %ndim
  %rest = getelementptr i64, ptr %left, i64 %ndim
  %j = add i64 %i, 1
  br label %loop
undo:
  call void @release(ptr %arrays, i64 %i)
  ret i1 false
good:
  ret i1 true
}}

define internal void @release(ptr %arrays, i64 %count) nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %one ]
  %end = icmp eq i64 %i, %count
  br i1 %end, label %out, label %one
one:
  %p = getelementptr ptr, ptr %arrays, i64 %i
  %array = load ptr, ptr %p
  call void @Py_DecRef@(ptr %array)
  %j = add i64 %i, 1
  br label %loop
out:
  ret void
}}
"""

# Take a free arena or make one (null: no memory); put one back. The caller holds the GIL, which orders these.
ARENA = """
define internal ptr @take_arena(ptr %record, i64 %bytes) nounwind {
  %head_p = getelementptr i64, ptr %record, i64 5
  %head = load ptr, ptr %head_p
  %none = icmp eq ptr %head, null
  br i1 %none, label %new, label %look
look:
  %room_p = getelementptr i8, ptr %head, i64 -48
  %room = load i64, ptr %room_p
  %fits = icmp uge i64 %room, %bytes
  br i1 %fits, label %pop, label %drop
drop:
  %after_p = getelementptr i8, ptr %head, i64 -64
  %after = load ptr, ptr %after_p
  store ptr %after, ptr %head_p
  %old_p = getelementptr i8, ptr %head, i64 -56
  %old = load ptr, ptr %old_p
  call void @PyMem_RawFree@(ptr %old)
  br label %new
pop:
  %next_p = getelementptr i8, ptr %head, i64 -64
  %next = load ptr, ptr %next_p
  store ptr %next, ptr %head_p
  ret ptr %head
new:
  %size = add i64 %bytes, 128
  %block = call ptr @PyMem_RawMalloc@(i64 %size)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %fail, label %align
align:
  %start = ptrtoint ptr %block to i64
  %past = add i64 %start, 127
  %rounded = and i64 %past, -64
  %arena = inttoptr i64 %rounded to ptr
  %owner_p = getelementptr i8, ptr %arena, i64 -56
  store ptr %block, ptr %owner_p
  %size_p = getelementptr i8, ptr %arena, i64 -48
  store i64 %bytes, ptr %size_p
  ret ptr %arena
fail:
  ret ptr null
}

define internal void @put_arena(ptr %record, ptr %arena) nounwind {
  %head_p = getelementptr i64, ptr %record, i64 5
  %head = load ptr, ptr %head_p
  %next_p = getelementptr i8, ptr %arena, i64 -64
  store ptr %head, ptr %next_p
  store ptr %arena, ptr %head_p
  ret void
}
"""
