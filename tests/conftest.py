"""The tests compile everything themselves: what an earlier run left in the cache would hide faults."""

import os

os.environ["TSC_CACHE"] = "0"
