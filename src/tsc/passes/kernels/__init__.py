"""Shaping kernels at the `linalg` stage: composing generics, aligning their loops, telling kinds apart,
splitting.
"""
