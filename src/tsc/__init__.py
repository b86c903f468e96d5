"""tsc: a standalone optimizing compiler and runtime for TorchScript."""
