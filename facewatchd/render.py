"""What the API answers, put into words for people: tables on a terminal, plain lines in a pipe.

Names of files are shown escaped, so that none of them can forge a line or send codes to the
terminal.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Field(NamedTuple):
    """One line of a description; several with the same label follow each other."""

    label: str
    text: str


class Grid(NamedTuple):
    """A table; ``empty`` is what is said instead of a table without rows."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    empty: str


def printable(text: str) -> str:
    r"""Return ``text`` with line ends, control and undecodable characters as ``\xNN``."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def count(number: int, one: str, many: str = "") -> str:
    """Return ``1 photo`` or ``1,234 photos``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Return ``12 s``, ``3 min 20 s``, ``2 h 5 min`` or ``3 d 4 h``."""
    whole = max(0, round(seconds))
    for unit, name, part, part_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s"


def moment(at: float) -> str:
    """Return a time in the local zone."""
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M}"


def taken(at: float) -> str:
    """Return a capture date as the camera showed it: its local time is stored as if UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def status_fields(status: dict[str, Any], *, age: float | None = None) -> list[Field]:
    """Describe a status; ``age`` is how many seconds old it is when the daemon does not run."""
    files, clustering, output = status["files"], status["recluster"], status["output"]
    fields = [
        Field("State", _state(status, age)),
        *(Field("Root", _root(root)) for root in status["roots"]),
        Field(
            "Files",
            f"{files['done']:,} done, {files['pending']:,} waiting, "
            f"{files['failed']:,} failed, {files['unsupported']:,} unsupported",
        ),
        Field("Photos", f"{status['photos']:,}" + _some(", {:,} missing", status["missing"])),
        Field("Faces", f"{status['faces']:,}, {status['doubtful']:,} of them doubtful"),
        Field("People", f"{status['people']:,}, {status['folders']:,} of them with a folder"),
        Field("Re-clustering", _clustering(clustering)),
        Field("Output", f"{output['path']}: {count(output['links'], 'link')}"),
    ]
    if clustering["error"]:
        fields.append(Field("Re-clustering", clustering["error"]))
    if output["error"]:
        fields.append(Field("Output", output["error"]))
    fields += [Field("In the way", path) for path in output["conflicts"]]
    fields += [
        Field("Error", f"{error['path']}: {error['reason']}") for error in status.get("errors", [])
    ]
    return fields


def people_grid(people: list[dict[str, Any]]) -> Grid:
    """Return everyone, one a row."""
    rows = [
        (
            person["folder"] or "no folder yet",
            str(person["photos"]),
            str(person["faces"]),
            "" if person["first"] is None else taken(person["first"])[:10],
            "" if person["last"] is None else taken(person["last"])[:10],
            person["id"],
        )
        for person in people
    ]
    columns = ("Folder", "Photos", "Faces", "First", "Last", "Id")
    return Grid(columns, rows, "Nobody is known yet.")


def doubtful_grid(doubtful: list[dict[str, Any]]) -> Grid:
    """Return doubtful faces, one a row."""
    rows = [
        (
            face["photo"],
            _box(face["box"]),
            f"{face['quality']:.2f}",
            _candidates(face["candidates"]),
        )
        for face in doubtful
    ]
    return Grid(("Photo", "Box", "Quality", "May be"), rows, "No face is doubtful.")


def errors_grid(errors: list[dict[str, Any]]) -> Grid:
    """Return failed files, one a row."""
    rows = [(error["path"], str(error["tries"]), error["reason"]) for error in errors]
    return Grid(("Photo", "Tries", "Reason"), rows, "No file failed.")


def photo_fields(found: dict[str, Any]) -> list[Field]:
    """Describe one photo and who is in it."""
    fields = [Field("Photo", found["path"]), Field("State", found["state"])]
    if found["reason"]:
        fields.append(Field("Reason", found["reason"]))
    fields += [Field("Also at", path) for path in found["paths"] if path != found["path"]]
    if found["captured"]:
        source = {"exif": "its metadata", "name": "its name", "file": "the file's time"}
        at, origin = found["captured"]["at"], found["captured"]["source"]
        fields.append(Field("Taken", f"{taken(at)}, from {source[origin]}"))
    if found["state"] == "done" and not found["faces"]:
        fields.append(Field("Faces", "none"))
    fields += [Field("Face", f"{_who(face)}, at {_box(face['box'])}") for face in found["faces"]]
    fields += [Field("Link", link) for link in found["links"]]
    return fields


def show_fields(fields: list[Field]) -> None:
    """Print a description."""
    if sys.stdout.isatty():
        _print(_fields_table(fields))
    else:
        for label, text in fields:
            click.echo(f"{label}: {printable(text)}")


def show_grid(grid: Grid) -> None:
    """Print a table: with rules on a terminal, in a pipe a line a row with tabs between."""
    if not sys.stdout.isatty():
        for row in grid.rows:
            click.echo("\t".join(map(printable, row)))
    elif not grid.rows:
        click.echo(grid.empty)
    else:
        _print(_grid_table(grid))


def watch_fields(states: Iterable[list[Field]]) -> None:
    """Show each description in the place of the one before; in a pipe, one below the other."""
    if not sys.stdout.isatty():
        for fields in states:
            show_fields(fields)
            click.echo()
        return
    from rich.live import Live  # noqa: PLC0415 -- 0.1 s that a pipe does not need

    with Live(auto_refresh=False) as live:
        for fields in states:
            live.update(_fields_table(fields), refresh=True)


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def _state(status: dict[str, Any], age: float | None) -> str:
    if age is not None:
        return f"not running; {duration(age)} ago it was {status['state']}"
    words = [status["state"]]
    if status["files"]["pending"] and status["rate"]:
        words.append(f"{status['rate']:.1f} photos/s")
    if status["seconds_left"]:
        words.append(f"{duration(status['seconds_left'])} left")
    workers = count(status["workers"], "worker")
    since = duration(status["time"] - status["started"])
    return f"{', '.join(words)} (for {since}, {workers}, pid {status['pid']})"


def _root(root: dict[str, Any]) -> str:
    words = f"{root['path']}: {root['state']}, {count(root['files'], 'file')}"
    words += _some(", {:,} waiting", root["backlog"])
    return words + (f" ({root['reason']})" if root["reason"] else "")


def _clustering(clustering: dict[str, Any]) -> str:
    words = []
    if clustering["running"]:
        words.append("running")
    if clustering["last"] is not None:
        took = clustering["last_seconds"]
        words.append(
            f"last {moment(clustering['last'])}" + (f" in {duration(took)}" if took else "")
        )
    if clustering["next"] is not None:
        words.append(f"next {moment(clustering['next'])}")
    words.append(f"{count(clustering['new_faces'], 'new face')} since")
    return ", ".join(words)


def _some(template: str, number: int) -> str:
    return template.format(number) if number else ""


def _box(box: list[int]) -> str:
    return ",".join(map(str, box))


def _person(person: dict[str, Any]) -> str:
    return person["folder"] or f"{person['person']} (no folder yet)"


def _candidates(candidates: list[dict[str, Any]]) -> str:
    return ", ".join(f"{_person(c)} {c['similarity']:.2f}" for c in candidates) or "nobody known"


def _who(face: dict[str, Any]) -> str:
    if face["person"] is None:
        return f"doubtful, may be {_candidates(face['candidates'])}"
    similarity = face["similarity"]
    return _person(face) + ("" if similarity is None else f", similarity {similarity:.2f}")


def _fields_table(fields: list[Field]) -> Table:
    from rich.table import Table  # noqa: PLC0415 -- 0.1 s that a pipe does not need
    from rich.text import Text  # noqa: PLC0415 -- the same

    table = Table.grid(padding=(0, 2))
    before = ""
    for label, text in fields:
        table.add_row(
            Text("" if label == before else label, style="bold"),
            Text(printable(text), overflow="fold"),
        )
        before = label
    return table


def _grid_table(grid: Grid) -> Table:
    from rich.table import Table  # noqa: PLC0415 -- 0.1 s that a pipe does not need
    from rich.text import Text  # noqa: PLC0415 -- the same

    table = Table(*grid.columns)
    for row in grid.rows:
        table.add_row(*(Text(printable(cell), overflow="fold") for cell in row))
    return table


def _print(table: Table) -> None:
    from rich.console import Console  # noqa: PLC0415 -- 0.1 s that a pipe does not need

    Console().print(table)
