"""Programs with sizes, loops and state that change, beside torch.jit: ``make bench-programs``."""
