"""The native entry of compiled functions, as LLVM IR text: one function that serves all of them.

Its `self` is a record of 64-bit words (a ctypes structure, whose object holds the record's address at byte
16):

| word | what |
|---|---|
| 0 | the compiled ``void(ptr inputs, ptr outputs, ptr arena)`` |
| 1 | the Python callable for everything unexpected |
| 2, 3 | number of inputs and of outputs |
| 4, 5 | bytes of an arena, and the first free arena |
| 6 | 1 if the GIL is released around the call |
| 7, 8 | address of the pool's pending word (or 0), and the callable that starts the pool |
| 9 | word at which the outputs begin |
| 10 | how many calls have computed |
| 11 | the function that says what symbolic sizes are, ``void(ptr inputs, ptr outputs, ptr arena)``, or 0 |
| 12, 13 | how many sizes it reads, and how many words it writes |
| 14 | the word in those at which the sizes of the outputs begin |
| 15... | for each input, then each output: the dtype object, ndim, the dims (-1 where they are symbolic) |
"""

import re

from tsc.runtime.entry_memory_ir import ALLOCATE, ARENA, DATA

HEADER_WORDS = 15
SIZES_WORDS = 2
"""Words that the function of word 11 writes before the symbols."""

# Source: CPython 3.11+ object.h, tupleobject.h; NumPy ndarraytypes.h (PyArrayObject_fields), flags
# C_CONTIGUOUS | ALIGNED.
_TYPE, _NDIM, _DIMS, _DESCR, _FLAGS, _ITEMS, _RECORD = 8, 24, 32, 56, 64, 24, 16
_WANTED_FLAGS = 0x101
# `PyArray_Descr`: the byte order, and the number of the type; numbers up to `NPY_CLONGDOUBLE` are of types
# that these two say all about.
_BYTE_ORDER, _TYPE_NUMBER, _LAST_PLAIN = 26, 28, 16


ADDRESSES = "tsc_addresses"
"""The table with the addresses of `C_NAMES`, in that order, which whoever loads the code fills: code that
holds none is the same in every process.
"""
C_NAMES = (
    "Py_IncRef",
    "Py_DecRef",
    "PyObject_Vectorcall",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "PyMem_RawMalloc",
    "PyMem_RawFree",
    "PyTuple_New",
    "PyErr_NoMemory",
    "PyArray_Type",
    "PyArray_NewFromDescr",
)
"""The C functions that the entry calls, and NumPy's array type."""
_NAME = re.compile(r"@(\w+)@")


def entry_ir(triple: str) -> str:
    """The module with the function `entry`."""
    lines = [
        f'target triple = "{triple}"',
        f"@{ADDRESSES} = dso_local global [{len(C_NAMES)} x ptr] zeroinitializer",
    ]
    for line in (_SAME_DTYPE + _CHECK + _GATHER + ALLOCATE + ARENA + _ENTRY).splitlines():
        found = _NAME.findall(line)
        for name in found:
            at = f"getelementptr (ptr, ptr @{ADDRESSES}, i64 {C_NAMES.index(name)})"
            lines.append(f"  %{name}.{len(lines)} = load ptr, ptr {at}")
            line = line.replace(f"@{name}@", f"%{name}.{len(lines) - 1}")
        lines.append(line)
    return "\n".join(lines)


# Whether a dtype is the one wanted: that object, or another that says the same (unpickled arrays have one of
# their own).
_SAME_DTYPE = f"""
define internal i1 @same_dtype(ptr %descr, ptr %wanted) alwaysinline nounwind {{
  %is_it = icmp eq ptr %descr, %wanted
  br i1 %is_it, label %good, label %compare
compare:
  %number_p = getelementptr i8, ptr %descr, i64 {_TYPE_NUMBER}
  %number = load i32, ptr %number_p
  %wanted_p = getelementptr i8, ptr %wanted, i64 {_TYPE_NUMBER}
  %wanted_number = load i32, ptr %wanted_p
  %same_number = icmp eq i32 %number, %wanted_number
  %plain = icmp ule i32 %number, {_LAST_PLAIN}
  %order_p = getelementptr i8, ptr %descr, i64 {_BYTE_ORDER}
  %order = load i8, ptr %order_p
  %wanted_order_p = getelementptr i8, ptr %wanted, i64 {_BYTE_ORDER}
  %wanted_order = load i8, ptr %wanted_order_p
  %same_order = icmp eq i8 %order, %wanted_order
  %known = and i1 %same_number, %plain
  %same = and i1 %known, %same_order
  ret i1 %same
good:
  ret i1 true
}}
"""

# Whether one argument is what the record wants. Returns its data, or null.
_CHECK = f"""
define internal ptr @check(ptr %a, ptr %spec) alwaysinline nounwind {{
  %tp = getelementptr i8, ptr %a, i64 {_TYPE}
  %t = load ptr, ptr %tp
  %is_array = icmp eq ptr %t, @PyArray_Type@
  br i1 %is_array, label %fields, label %bad
fields:
  %descr_p = getelementptr i8, ptr %a, i64 {_DESCR}
  %descr = load ptr, ptr %descr_p
  %want_descr = load ptr, ptr %spec
  %same_descr = call i1 @same_dtype(ptr %descr, ptr %want_descr)
  %ndim_p = getelementptr i8, ptr %a, i64 {_NDIM}
  %ndim32 = load i32, ptr %ndim_p
  %ndim = sext i32 %ndim32 to i64
  %want_p = getelementptr i64, ptr %spec, i64 1
  %want_ndim = load i64, ptr %want_p
  %same_ndim = icmp eq i64 %ndim, %want_ndim
  %flags_p = getelementptr i8, ptr %a, i64 {_FLAGS}
  %flags = load i32, ptr %flags_p
  %masked = and i32 %flags, {_WANTED_FLAGS}
  %plain = icmp eq i32 %masked, {_WANTED_FLAGS}
  %both = and i1 %same_descr, %same_ndim
  %all = and i1 %both, %plain
  br i1 %all, label %shape, label %bad
shape:
  %dims_p = getelementptr i8, ptr %a, i64 {_DIMS}
  %dims = load ptr, ptr %dims_p
  br label %dim
dim:
  %i = phi i64 [ 0, %shape ], [ %j, %compare ]
  %end = icmp eq i64 %i, %ndim
  br i1 %end, label %good, label %compare
compare:
  %d_p = getelementptr i64, ptr %dims, i64 %i
  %d = load i64, ptr %d_p
  %j = add i64 %i, 1
  %k = add i64 %i, 2
  %w_p = getelementptr i64, ptr %spec, i64 %k
  %w = load i64, ptr %w_p
  %equal = icmp eq i64 %d, %w
  %any = icmp eq i64 %w, -1
  %same = or i1 %equal, %any
  br i1 %same, label %dim, label %bad
good:
  %data_p = getelementptr i8, ptr %a, i64 {DATA}
  %data = load ptr, ptr %data_p
  ret ptr %data
bad:
  ret ptr null
}}
"""

# The sizes of all arguments, which are arrays, one after the other.
_GATHER = f"""
define internal void @gather(ptr %args, i64 %count, ptr %to) noinline nounwind {{
entry:
  br label %array
array:
  %i = phi i64 [ 0, %entry ], [ %j, %next ]
  %at = phi ptr [ %to, %entry ], [ %place, %next ]
  %end = icmp eq i64 %i, %count
  br i1 %end, label %out, label %one
one:
  %a_p = getelementptr ptr, ptr %args, i64 %i
  %a = load ptr, ptr %a_p
  %ndim_p = getelementptr i8, ptr %a, i64 {_NDIM}
  %ndim32 = load i32, ptr %ndim_p
  %ndim = sext i32 %ndim32 to i64
  %dims_p = getelementptr i8, ptr %a, i64 {_DIMS}
  %dims = load ptr, ptr %dims_p
  br label %dim
dim:
  %k = phi i64 [ 0, %one ], [ %l, %copy ]
  %place = phi ptr [ %at, %one ], [ %after, %copy ]
  %done = icmp eq i64 %k, %ndim
  br i1 %done, label %next, label %copy
copy:
  %d_p = getelementptr i64, ptr %dims, i64 %k
  %d = load i64, ptr %d_p
  store i64 %d, ptr %place
  %after = getelementptr i64, ptr %place, i64 1
  %l = add i64 %k, 1
  br label %dim
next:
  %j = add i64 %i, 1
  br label %array
out:
  ret void
}}
"""

_ENTRY = f"""
define internal i1 @start_pool(ptr %pending, ptr %record) noinline nounwind {{
  %now = load i64, ptr %pending
  %idle = icmp eq i64 %now, 0
  br i1 %idle, label %good, label %start
start:
  %start_p = getelementptr i64, ptr %record, i64 8
  %callable = load ptr, ptr %start_p
  %none = call ptr @PyObject_Vectorcall@(ptr %callable, ptr null, i64 0, ptr null)
  %failed = icmp eq ptr %none, null
  br i1 %failed, label %bad, label %done
done:
  call void @Py_DecRef@(ptr %none)
  br label %good
good:
  ret i1 true
bad:
  ret i1 false
}}

define internal void @invoke(ptr %record, ptr %inputs, ptr %outputs, ptr %arena) nounwind {{
  %main = load ptr, ptr %record
  %release_p = getelementptr i64, ptr %record, i64 6
  %release = load i64, ptr %release_p
  %long = icmp ne i64 %release, 0
  br i1 %long, label %without, label %with
with:
  call void %main(ptr %inputs, ptr %outputs, ptr %arena)
  ret void
without:
  %state = call ptr @PyEval_SaveThread@()
  call void %main(ptr %inputs, ptr %outputs, ptr %arena)
  call void @PyEval_RestoreThread@(ptr %state)
  ret void
}}

define ptr @entry(ptr %self, ptr %args, i64 %nargs) nounwind {{
entry:
  %record_p = getelementptr i8, ptr %self, i64 {_RECORD}
  %record = load ptr, ptr %record_p
  %inputs_p = getelementptr i64, ptr %record, i64 2
  %count = load i64, ptr %inputs_p
  %outputs_p = getelementptr i64, ptr %record, i64 3
  %results = load i64, ptr %outputs_p
  %right_count = icmp eq i64 %nargs, %count
  br i1 %right_count, label %begin, label %slow
begin:
  %places = add i64 %count, 1
  %inputs = alloca ptr, i64 %places
  %first = getelementptr i64, ptr %record, i64 {HEADER_WORDS}
  br label %argument
argument:
  %i = phi i64 [ 0, %begin ], [ %j, %accept ]
  %spec = phi ptr [ %first, %begin ], [ %following, %accept ]
  %checked = icmp eq i64 %i, %count
  br i1 %checked, label %sizes, label %check
check:
  %arg_p = getelementptr ptr, ptr %args, i64 %i
  %arg = load ptr, ptr %arg_p
  %data = call ptr @check(ptr %arg, ptr %spec)
  %wrong = icmp eq ptr %data, null
  br i1 %wrong, label %slow, label %accept
accept:
  %in_p = getelementptr ptr, ptr %inputs, i64 %i
  store ptr %data, ptr %in_p
  %ndim_p = getelementptr i64, ptr %spec, i64 1
  %ndim = load i64, ptr %ndim_p
  %after = getelementptr i64, ptr %spec, i64 %ndim
  %following = getelementptr i64, ptr %after, i64 2
  %j = add i64 %i, 1
  br label %argument
sizes:
  %sizes_p = getelementptr i64, ptr %record, i64 11
  %sizes_f = load ptr, ptr %sizes_p
  %fixed = icmp eq ptr %sizes_f, null
  br i1 %fixed, label %pool, label %symbolic
symbolic:
  %ranks_p = getelementptr i64, ptr %record, i64 12
  %ranks = load i64, ptr %ranks_p
  %given = alloca i64, i64 %ranks
  %words_p = getelementptr i64, ptr %record, i64 13
  %words = load i64, ptr %words_p
  %found = alloca i64, i64 %words
  call void @gather(ptr %args, i64 %count, ptr %given)
  %given_p = alloca ptr
  store ptr %given, ptr %given_p
  %found_p = alloca ptr
  store ptr %found, ptr %found_p
  call void %sizes_f(ptr %given_p, ptr %found_p, ptr null)
  %suits = load i64, ptr %found
  %suited = icmp ne i64 %suits, 0
  br i1 %suited, label %bound, label %slow
bound:
  %symbols = getelementptr i64, ptr %found, i64 2
  %last_p = getelementptr ptr, ptr %inputs, i64 %count
  store ptr %symbols, ptr %last_p
  %shapes_p = getelementptr i64, ptr %record, i64 14
  %shapes = load i64, ptr %shapes_p
  %out_sizes = getelementptr i64, ptr %found, i64 %shapes
  %needed_p = getelementptr i64, ptr %found, i64 1
  %needed = load i64, ptr %needed_p
  br label %pool
pool:
  %result_sizes = phi ptr [ null, %sizes ], [ %out_sizes, %bound ]
  %arena_bytes = phi i64 [ -1, %sizes ], [ %needed, %bound ]
  %pending_p = getelementptr i64, ptr %record, i64 7
  %pending = load ptr, ptr %pending_p
  %serial = icmp eq ptr %pending, null
  br i1 %serial, label %make, label %start
start:
  %started = call i1 @start_pool(ptr %pending, ptr %record)
  br i1 %started, label %make, label %fail
make:
  %arrays = alloca ptr, i64 %results
  %outputs = alloca ptr, i64 %results
  %begin_p = getelementptr i64, ptr %record, i64 9
  %word = load i64, ptr %begin_p
  %out_spec = getelementptr i64, ptr %record, i64 %word
  %allocated = call i1 @allocate(ptr %out_spec, ptr %result_sizes, i64 %results, ptr %arrays, ptr %outputs)
  br i1 %allocated, label %scratch, label %fail
scratch:
  %bytes_p = getelementptr i64, ptr %record, i64 4
  %stated = load i64, ptr %bytes_p
  %is_stated = icmp slt i64 %arena_bytes, 0
  %bytes = select i1 %is_stated, i64 %stated, i64 %arena_bytes
  %no_arena = icmp eq i64 %bytes, 0
  br i1 %no_arena, label %plain, label %take
plain:
  call void @invoke(ptr %record, ptr %inputs, ptr %outputs, ptr null)
  br label %finish
take:
  %arena = call ptr @take_arena(ptr %record, i64 %bytes)
  %empty = icmp eq ptr %arena, null
  br i1 %empty, label %no_memory, label %compute
compute:
  call void @invoke(ptr %record, ptr %inputs, ptr %outputs, ptr %arena)
  call void @put_arena(ptr %record, ptr %arena)
  br label %finish
finish:
  %calls_p = getelementptr i64, ptr %record, i64 10
  %calls = load i64, ptr %calls_p
  %more = add i64 %calls, 1
  store i64 %more, ptr %calls_p
  %single = icmp eq i64 %results, 1
  br i1 %single, label %one, label %several
one:
  %result = load ptr, ptr %arrays
  ret ptr %result
several:
  %tuple = call ptr @PyTuple_New@(i64 %results)
  %no_tuple = icmp eq ptr %tuple, null
  br i1 %no_tuple, label %drop, label %fill
fill:
  %items = getelementptr i8, ptr %tuple, i64 {_ITEMS}
  %size = mul i64 %results, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %items, ptr %arrays, i64 %size, i1 false)
  ret ptr %tuple
no_memory:
  call void @release(ptr %arrays, i64 %results)
  %null = call ptr @PyErr_NoMemory@()
  ret ptr null
drop:
  call void @release(ptr %arrays, i64 %results)
  ret ptr null
fail:
  ret ptr null
slow:
  %slow_p = getelementptr i64, ptr %record, i64 1
  %callable = load ptr, ptr %slow_p
  %answer = call ptr @PyObject_Vectorcall@(ptr %callable, ptr %args, i64 %nargs, ptr null)
  ret ptr %answer
}}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""
