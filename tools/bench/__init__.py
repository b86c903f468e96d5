"""Speed against other runtimes: ``make bench``."""
