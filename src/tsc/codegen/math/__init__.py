"""Elementary functions as polynomial LLVM IR over scalars and vectors."""
