"""A child for the tests of Child that is never done with its imports."""

from __future__ import annotations

import sys
import time

print("importing", file=sys.stderr, flush=True)
time.sleep(3600)  # until it is killed
