"""Parts of `functionalize`."""
