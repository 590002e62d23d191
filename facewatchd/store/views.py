"""What the API shows, read from a snapshot of the store."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from facewatchd.model import Box
from facewatchd.orientation import turned
from facewatchd.store.advice import Advice
from facewatchd.store.album import Album
from facewatchd.store.decisions import Decisions
from facewatchd.store.engines import Engines
from facewatchd.store.events import Events
from facewatchd.store.everything import Everything
from facewatchd.store.files import below
from facewatchd.store.people import folders
from facewatchd.store.rereading import Rereading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

_NUMBER = re.compile(r"\d[\d,.]*(?<=\d)")
# What comes after a reason's first words: what a decoder said, a limit, the remedy.
_DETAILS = re.compile(r"(:|;| \(|\.(?= |$)).*", re.DOTALL)
_BOX = (
    "box_left, box_top, box_right, box_bottom, width, height, photos.orientation,"
    " coalesce(files.orientation, photos.orientation)"
)


class Views:
    """Questions to the store; paths come back as bytes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.rereading = Rereading(db)
        self.album = Album(db)
        self.advice = Advice(db)
        self.decisions = Decisions(db)
        self.engines = Engines(db, self.rereading)
        self.everything = Everything(db)
        self.events = Events(db)

    def counts(self) -> dict[str, int]:
        """Return how many photos, missing ones, faces, doubtful ones, people and folders."""
        return {name: int(self._db.execute(query).fetchone()[0]) for name, query in _COUNTS.items()}

    def files_by_state(self) -> dict[str, int]:
        """Return the number of files in each state that occurs."""
        return dict(self._db.execute("SELECT state, count(*) FROM files GROUP BY state").fetchall())

    def failures(self) -> list[tuple[str, int]]:
        """Return why files failed, in the reasons' first words, the commonest first."""
        rows = self._db.execute(
            "SELECT reason, count(*) FROM files WHERE state = 'failed' GROUP BY reason"
        )
        counted: Counter[str] = Counter()
        for reason, files in rows:
            counted[in_first_words(reason)] += files
        return counted.most_common()

    def unsupported(self) -> list[tuple[str, int]]:
        """Return the kinds of files that are no pictures, those there are most of first."""
        return self._db.execute(
            "SELECT kind, count(*) FROM files WHERE kind IS NOT NULL GROUP BY kind"
            " ORDER BY count(*) DESC, kind"
        ).fetchall()

    def read_by_others(self) -> int:
        """Return how many photos that are not missing another engine read than the library's."""
        current = str(self.engines.current)
        row = self._db.execute(
            "SELECT count(*) FROM photos WHERE (engine < ? OR engine > ?)"
            " AND missing_since IS NULL",
            [current, current],
        ).fetchone()
        return int(row[0])

    def switched(self) -> int:
        """Return how many photos the next engine has read."""
        return int(self._db.execute("SELECT count(*) FROM next_photos").fetchone()[0])

    def readable(self, outside: Collection[bytes], *, again: bool) -> int:
        """Return how many photos files below none of ``outside`` show.

        With ``again`` only those that are to be read again.
        """
        limits = [limit for folder in outside for limit in below(folder)]
        row = self._db.execute(
            f"SELECT count(*) FROM photos WHERE {'again > 0 AND' if again else ''} EXISTS"
            " (SELECT 1 FROM files WHERE files.photo = photos.id AND state = 'done'"
            f" {'AND NOT (path >= ? AND path < ?) ' * len(outside)})",
            limits,
        ).fetchone()
        return int(row[0])

    def files_below(self, root: bytes) -> tuple[int, int]:
        """Return how many files are known below ``root``, and how many of them are pending."""
        first, after = root.rstrip(b"/") + b"/", root.rstrip(b"/") + b"0"
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(state = 'pending'), 0) FROM files"
            " WHERE path >= ? AND path < ?",
            [first, after],
        ).fetchone()
        return row[0], row[1]

    def people(self) -> list[dict[str, Any]]:
        """Return everyone, those with most photos first."""
        rows = self._db.execute(
            "SELECT people.id, name, hidden, count(*), count(DISTINCT photos.id),"
            " min(photos.captured), max(photos.captured)"
            " FROM people JOIN looks ON person = people.id JOIN faces ON look = looks.id"
            " JOIN photos ON photos.id = photo WHERE missing_since IS NULL"
            " GROUP BY people.id ORDER BY 5 DESC, number IS NULL, number, people.id"
        )
        keys = ("id", "name", "hidden", "faces", "photos", "first", "last")
        found = [dict(zip(keys, row, strict=True)) for row in rows]
        return [row | {"hidden": bool(row["hidden"])} for row in found]

    def people_by_kind(self) -> dict[str, int]:
        """Return how many people are named, unnamed, and hidden, which counts as that alone."""
        rows = self._db.execute(
            "SELECT CASE WHEN hidden THEN 'hidden' WHEN name IS NULL THEN 'unnamed'"
            " ELSE 'named' END, count(*) FROM people WHERE into_person IS NULL GROUP BY 1"
        )
        return {"named": 0, "unnamed": 0, "hidden": 0} | dict(rows.fetchall())

    def folders(self) -> dict[str, bytes]:
        """Return the folder of everyone who has one, by person."""
        return folders(self._db)

    def names(self) -> dict[str, str]:
        """Return the name of everyone who has one, by person."""
        return dict(self._db.execute("SELECT id, name FROM people WHERE name IS NOT NULL"))

    def library(self) -> str:
        """Return the id of the library, which it shares with its journal of decisions."""
        row = self._db.execute("SELECT value FROM facts WHERE name = 'library'").fetchone()
        return str(row[0])

    def path(self, file: int) -> bytes | None:
        """Return the path of a file by its number, None when it is gone."""
        row = self._db.execute("SELECT path FROM files WHERE id = ?", [file]).fetchone()
        return row[0] if row else None

    def doubtful(self, limit: int) -> list[dict[str, Any]]:
        """Return doubtful faces that have candidates, the likeliest first."""
        rows = self._db.execute(
            f"SELECT faces.id, min(path), quality, {_BOX}, (SELECT max(similarity) FROM candidates"
            "  WHERE face = faces.id) AS best FROM faces JOIN photos ON photos.id = faces.photo"
            " JOIN files ON files.photo = photos.id"
            " WHERE best IS NOT NULL GROUP BY faces.id ORDER BY best DESC, faces.id LIMIT ?",
            [limit],
        ).fetchall()
        return [
            {
                "face": row[0],
                "photo": row[1],
                "box": _box(row[3:11]),
                "quality": row[2],
                "candidates": self.candidates(row[0]),
            }
            for row in rows
        ]

    def candidates(self, face: int) -> list[dict[str, Any]]:
        """Return the candidates of a doubtful face, nearest first."""
        rows = self._db.execute(
            "SELECT person, name, similarity FROM candidates JOIN people ON people.id = person"
            " WHERE face = ? ORDER BY similarity DESC, person",
            [face],
        )
        return [dict(zip(("person", "name", "similarity"), row, strict=True)) for row in rows]

    def errors(self, limit: int) -> list[dict[str, Any]]:
        """Return files that failed, or failed once and will be tried again."""
        rows = self._db.execute(
            "SELECT path, reason, tries FROM files WHERE reason IS NOT NULL"
            " AND state <> 'unsupported'"
            " ORDER BY state <> 'failed', path LIMIT ?",
            [limit],
        )
        return [dict(zip(("path", "reason", "tries"), row, strict=True)) for row in rows]

    def file(self, path: bytes) -> dict[str, Any] | None:
        """Return what is known of the file at ``path``."""
        names = ("state", "reason", "photo", "kind", "tries")
        row = self._db.execute(
            f"SELECT {', '.join(names)} FROM files WHERE path = ?", [path]
        ).fetchone()
        return dict(zip(names, row, strict=True)) if row else None

    def photo(self, photo: int) -> dict[str, Any]:
        """Return content hash, capture date and paths of a photo."""
        row = self._db.execute(
            "SELECT hash, captured, captured_source FROM photos WHERE id = ?", [photo]
        ).fetchone()
        paths = self._db.execute("SELECT path FROM files WHERE photo = ? ORDER BY path", [photo])
        return {
            "hash": row[0],
            "captured": {"at": row[1], "source": row[2]},
            "paths": [path for (path,) in paths],
        }

    def faces(self, path: bytes) -> list[dict[str, Any]]:
        """Return the faces in the file at ``path``, each with its person or candidates.

        Boxes are in that file's upright pixels, faces in their order from left to right.
        """
        rows = self._db.execute(
            f"SELECT faces.id, quality, person, name, coalesce(hidden, 0), similarity, said, {_BOX}"
            " FROM files"
            " JOIN photos ON photos.id = files.photo JOIN faces ON faces.photo = photos.id"
            " LEFT JOIN looks ON looks.id = look LEFT JOIN people ON people.id = person"
            " WHERE path = ?",
            [path],
        ).fetchall()
        found = [
            {
                "face": row[0],
                "box": _box(row[7:]),
                "quality": row[1],
                "said": row[6],
                "person": row[2],
                "name": row[3],
                "hidden": bool(row[4]),
                "similarity": row[5],
                "candidates": self.candidates(row[0]),
            }
            for row in rows
        ]
        return sorted(found, key=lambda face: face["box"])

    def links(self) -> int:
        """Return how many links to photos, and copies of them, the output tree holds."""
        row = self._db.execute(
            "SELECT count(*) FROM links WHERE kind IN ('link', 'copy')"
        ).fetchone()
        return int(row[0])

    def links_to(self, targets: list[bytes]) -> list[bytes]:
        """Return the links that hold one of ``targets``, and the copies of photos at them."""
        marks = ", ".join("?" * len(targets))
        rows = self._db.execute(
            "SELECT path FROM links WHERE kind IN ('link', 'copy')"
            f" AND target IN ({marks}) ORDER BY path",
            targets,
        )
        return [row[0] for row in rows]


def in_first_words(reason: str) -> str:
    """Return what is the same in the reasons of all files that failed alike; no path is in it."""
    return _DETAILS.sub("", _NUMBER.sub("…", reason))


def _box(row: tuple[int, ...]) -> list[int]:
    """Return the box of ``_BOX`` in the upright pixels of its file."""
    left, top, right, bottom, width, height, before, after = row
    return list(turned(Box(left, top, right, bottom), (width, height), before, after))


_COUNTS = {
    "photos": "SELECT count(*) FROM photos WHERE missing_since IS NULL",
    "missing": "SELECT count(*) FROM photos WHERE missing_since IS NOT NULL",
    "faces": "SELECT count(*) FROM faces",
    "doubtful": "SELECT count(*) FROM faces WHERE look IS NULL",
    "people": "SELECT count(*) FROM people",
    "folders": "SELECT count(*) FROM links WHERE kind = 'folder'"
    " AND instr(path, X'2F') = 0 AND path <> CAST('_doubtful' AS BLOB)",
}
