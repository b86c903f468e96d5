"""Text in PyTorch's own notations: ``.graph`` and ``.code``. Nothing here changes a program."""
