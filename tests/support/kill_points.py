"""Runs the daemon and kills it as ``kill -9`` does, around one call of one of its functions.

    python -m tests.support.kill_points after facewatchd.store.files:Files.put 3 --root ...

kills it after the third call of ``Files.put`` has done its work and before it has returned.  Only
the daemon's own process is so treated; its children are started as ever.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from facewatchd.daemon import main

if TYPE_CHECKING:
    from collections.abc import Callable


def _wrapped(function: Callable[..., Any], when: str, count: int) -> Callable[..., Any]:
    calls = itertools.count(1)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        fatal = next(calls) == count
        if fatal and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapper


if __name__ == "__main__":
    when, name, count = sys.argv[1:4]
    module, _, inside = name.partition(":")
    *owners, last = inside.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, last, _wrapped(getattr(owner, last), when, int(count)))
    sys.argv[1:4] = []
    main()
