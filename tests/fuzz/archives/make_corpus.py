"""``python -m tests.fuzz.archives.make_corpus``: makes the sound archives and writes them to the output."""

from __future__ import annotations

import base64
import json
import sys
import warnings

from tests.fuzz.archives.corpus import make

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    made = {name: base64.b64encode(data).decode() for name, data in make().items()}
    sys.stdout.write(json.dumps(made))
