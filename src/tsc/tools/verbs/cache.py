"""Look at what is kept on disk of earlier compilations, check it, or delete what was not used longest.

  python -m tsc cache list
  python -m tsc cache verify
  python -m tsc cache prune --size 512M

The folder is that of TSC_CACHE_DIR, or the user's own. "verify" checks each entry against its checksum; the
exit code is 1 where one is damaged (it is never used, and is written anew when it is needed). "prune" deletes
entries, those that were not used longest first, until the rest is no larger than --size, and what was left
unfinished an hour ago and more.

Keys of --json: folder, is_enabled, size_bytes, limit_bytes, kinds (files and size_bytes of each), entries
(name, kind, size_bytes, age_seconds; those used last first), damaged (name and reason; null but for verify),
freed_bytes and freed_files (null but for prune).
"""

from __future__ import annotations

import argparse

from tsc.errors import ArgumentError
from tsc.tools.reports import Finding, as_json
from tsc.tools.shared_options import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("list", "verify", "prune"), help="list, verify or prune")
    parser.add_argument(
        "--size", metavar="BYTES", help="for prune: what may stay, as 512M or 2G (default: TSC_CACHE_SIZE)"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> Finding:
    """What was found or done.

    Raises:
        ArgumentError: the size makes no sense.
        OSError: the folder is not to be used, or cannot be read.
    """
    from tsc.options import size_of
    from tsc.tools.cache_report import cache_report

    if options.size is not None and options.action != "prune":
        raise ArgumentError("--size: requires prune")
    size = None if options.size is None else size_of("--size", options.size)
    report = cache_report(options.action, size)
    return Finding(as_json(report) if options.json else f"{report}\n", not report.damaged)
