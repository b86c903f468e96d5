"""Tracing: a function or module runs once on example inputs, and what it does to tensors becomes a function
of stage `torch`.
"""
