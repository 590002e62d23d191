"""A child for the tests of Child: evaluates what it is sent and answers with the value."""

from __future__ import annotations

import sys

from facewatchd.child import serve

if __name__ == "__main__":
    with serve(int(sys.argv[1])) as connection:
        while True:
            connection.send(eval(connection.recv()))  # noqa: S307 - the test says what to do
