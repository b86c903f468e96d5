"""The verbs of ``python -m tsc``, one a file: see `tsc.tools.command_line`."""
