"""The native half of the thread pool, as LLVM IR text.

The control block is an array of 64-bit words; what different threads write lies a cache line apart:

| word | what |
|---|---|
| 0 | number of threads, the caller's included (1: serial) |
| 1 | address of `run` |
| 2 | 1 while Python should start the workers before the next parallel call |
| 8 | ticket: epoch in the high half, next chunk in the low half |
| 16 | chunks finished |
| 24 | epoch in the high half, number of chunks in the low half |
| 32, 33 | the chunk function and its context |
| 40 | 1 when workers shall end |
| 48 | sleeping workers |
| 56 | lock: held by the caller whose job runs |

A job is one epoch. A chunk is claimed by compare-exchange on the ticket, so a late worker can never take a
chunk of a newer job, and one that reads the ticket of an old job beside the chunk count of a new one sees
that their epochs differ. The caller joins on finished chunks, not on workers: a worker that lost its core
delays a call by its own chunk at most.
"""

WORDS = 64
THREADS, RUN, PENDING, TICKET, DONE, CHUNKS, STOP, SLEEPERS, LOCK = 0, 1, 2, 8, 16, 24, 40, 48, 56

_PAUSE = {
    "x86": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "arm": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}
_FUTEX_NUMBER = {"x86": 202, "arm": 98}
_WAIT, _WAKE = 128, 129  # FUTEX_WAIT and FUTEX_WAKE, process-private


def pool_ir(triple: str) -> str:
    """The functions `run`, `worker`, `spin`, `acquire` and `nothing`.

    Idle workers sleep in a futex on Linux. Elsewhere they poll every 200 microseconds: correct, a little
    wasteful.
    """
    family = "x86" if triple.startswith("x86_64") else "arm"
    declaration, pause = _PAUSE[family]
    if "linux" in triple:
        number = _FUTEX_NUMBER[family]
        system = "declare i64 @syscall(i64, ...)"
        call = f"call i64 (i64, ...) @syscall(i64 {number}, ptr %ep"
        sleep = f"{call}, i32 {_WAIT}, i32 %e0, ptr null, ptr null, i32 0)"
        wake = f"{call}, i32 {_WAKE}, i32 %others, ptr null, ptr null, i32 0)"
    else:
        system = "declare i32 @usleep(i32)"
        sleep, wake = "call i32 @usleep(i32 200)", "add i32 0, 0"
    text = "\n".join(
        [f'target triple = "{triple}"', system, declaration, "declare i32 @sched_yield()", _TEXT]
    )
    return text.replace("PAUSE", pause).replace("SLEEP", sleep).replace("WAKE", wake)


_TEXT = f"""
define internal void @work(ptr %p) nounwind {{
entry:
  %tp = getelementptr i64, ptr %p, i64 {TICKET}
  %dp = getelementptr i64, ptr %p, i64 {DONE}
  %np = getelementptr i64, ptr %p, i64 {CHUNKS}
  %fp = getelementptr i64, ptr %p, i64 32
  %ap = getelementptr i64, ptr %p, i64 33
  br label %try
try:
  %t = load atomic i64, ptr %tp acquire, align 8
  %n = load atomic i64, ptr %np acquire, align 8
  %f = load atomic ptr, ptr %fp monotonic, align 8
  %a = load atomic ptr, ptr %ap monotonic, align 8
  %te = lshr i64 %t, 32
  %ne = lshr i64 %n, 32
  %c = and i64 %t, 4294967295
  %nc = and i64 %n, 4294967295
  %same = icmp eq i64 %te, %ne
  %left = icmp ult i64 %c, %nc
  %more = and i1 %same, %left
  br i1 %more, label %claim, label %out
claim:
  %t1 = add i64 %t, 1
  %r = cmpxchg ptr %tp, i64 %t, i64 %t1 acq_rel acquire
  %ok = extractvalue {{ i64, i1 }} %r, 1
  br i1 %ok, label %chunk, label %try
chunk:
  call void %f(ptr %a, i64 %c)
  %d = atomicrmw add ptr %dp, i64 1 release
  br label %try
out:
  ret void
}}

define void @spin(i64 %spins) nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %loop ]
  PAUSE
  %j = add i64 %i, 1
  %more = icmp ult i64 %j, %spins
  br i1 %more, label %loop, label %out
out:
  ret void
}}

define void @nothing(ptr %a, i64 %c) nounwind {{
  ret void
}}

define i64 @acquire(ptr %p) nounwind {{
  %lp = getelementptr i64, ptr %p, i64 {LOCK}
  %r = cmpxchg ptr %lp, i64 0, i64 1 acquire monotonic
  %ok = extractvalue {{ i64, i1 }} %r, 1
  %i = zext i1 %ok to i64
  ret i64 %i
}}

define void @worker(ptr %p, i64 %spins) nounwind {{
entry:
  %sp = getelementptr i64, ptr %p, i64 {STOP}
  %sl = getelementptr i64, ptr %p, i64 {SLEEPERS}
  %ep = getelementptr i32, ptr %p, i64 {2 * TICKET + 1}
  br label %again
again:
  %e0 = load atomic i32, ptr %ep acquire, align 4
  %st = load atomic i64, ptr %sp acquire, align 8
  %stop = icmp ne i64 %st, 0
  br i1 %stop, label %end, label %job
job:
  call void @work(ptr %p)
  br label %spin
spin:
  %i = phi i64 [ 0, %job ], [ %i1, %next ]
  %e = load atomic i32, ptr %ep acquire, align 4
  %new = icmp ne i32 %e, %e0
  br i1 %new, label %again, label %count
count:
  %i1 = add i64 %i, 1
  %over = icmp ugt i64 %i1, %spins
  br i1 %over, label %sleep, label %next
next:
  PAUSE
  br label %spin
sleep:
  %s0 = atomicrmw add ptr %sl, i64 1 seq_cst
  %z = SLEEP
  %s1 = atomicrmw sub ptr %sl, i64 1 seq_cst
  br label %again
end:
  ret void
}}

define void @run(ptr %p, ptr %f, ptr %a, i64 %n) nounwind {{
entry:
  %got = call i64 @acquire(ptr %p)
  %mine = icmp ne i64 %got, 0
  br i1 %mine, label %publish, label %serial
serial:
  %i = phi i64 [ 0, %entry ], [ %j, %serial ]
  call void %f(ptr %a, i64 %i)
  %j = add i64 %i, 1
  %more = icmp ult i64 %j, %n
  br i1 %more, label %serial, label %end
publish:
  %tp = getelementptr i64, ptr %p, i64 {TICKET}
  %dp = getelementptr i64, ptr %p, i64 {DONE}
  %np = getelementptr i64, ptr %p, i64 {CHUNKS}
  %fp = getelementptr i64, ptr %p, i64 32
  %ap = getelementptr i64, ptr %p, i64 33
  %sl = getelementptr i64, ptr %p, i64 {SLEEPERS}
  %lp = getelementptr i64, ptr %p, i64 {LOCK}
  %ep = getelementptr i32, ptr %p, i64 {2 * TICKET + 1}
  %t = load atomic i64, ptr %tp monotonic, align 8
  %hi = lshr i64 %t, 32
  %h1 = add i64 %hi, 1
  %t1 = shl i64 %h1, 32
  %n1 = or i64 %t1, %n
  store atomic i64 0, ptr %dp monotonic, align 8
  store atomic ptr %f, ptr %fp monotonic, align 8
  store atomic ptr %a, ptr %ap monotonic, align 8
  store atomic i64 %n1, ptr %np release, align 8
  store atomic i64 %t1, ptr %tp seq_cst, align 8
  %s = load atomic i64, ptr %sl seq_cst, align 8
  %asleep = icmp ne i64 %s, 0
  br i1 %asleep, label %wake, label %help
wake:
  %rest = sub i64 %n, 1
  %others = trunc i64 %rest to i32
  %z = WAKE
  br label %help
help:
  call void @work(ptr %p)
  br label %join
join:
  %k = phi i64 [ 0, %help ], [ %k1, %wait ], [ %k1, %give ]
  %d = load atomic i64, ptr %dp acquire, align 8
  %all = icmp eq i64 %d, %n
  br i1 %all, label %unlock, label %pause
pause:
  %k1 = add i64 %k, 1
  %long = icmp ugt i64 %k1, 4000
  br i1 %long, label %give, label %wait
wait:
  PAUSE
  br label %join
give:
  %y = call i32 @sched_yield()
  br label %join
unlock:
  store atomic i64 0, ptr %lp release, align 8
  br label %end
end:
  ret void
}}
"""
