"""Where other libraries' objects come in and go out. PyTorch is imported in `interop.torch` alone, and only
if the user did.
"""
