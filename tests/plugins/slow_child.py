"""A child for the tests of Child that is never done with its imports."""

from __future__ import annotations

import os
import time
from pathlib import Path

Path(os.environ["IMPORTING"]).write_text("importing\n")  # somebody reads that pipe
time.sleep(3600)  # until it is killed
