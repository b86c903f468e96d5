"""``python -m tsc VERB``: see `tsc.tools.command_line`."""

import sys

from tsc.tools.command_line import main

if __name__ == "__main__":
    sys.exit(main())
