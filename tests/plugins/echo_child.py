"""A child for the tests of Child: evaluates what it is sent and answers with the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def main(connection: Connection[Any, Any], *args: str) -> None:
    names = {"args": args}
    while True:
        connection.send(eval(connection.recv(), names))  # noqa: S307 - the test says what to do
