"""What the API shows, read from a snapshot of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

_FACE = "box_left, box_top, box_right, box_bottom, quality"


class Views:
    """Questions to the store; paths come back as bytes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def counts(self) -> dict[str, int]:
        """Return how many photos, missing ones, faces, doubtful ones, people and folders."""
        return {name: int(self._db.execute(query).fetchone()[0]) for name, query in _COUNTS.items()}

    def files_by_state(self) -> dict[str, int]:
        """Return the number of files in each state that occurs."""
        return dict(self._db.execute("SELECT state, count(*) FROM files GROUP BY state").fetchall())

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
            "SELECT people.id, number, count(*), count(DISTINCT photos.id),"
            " min(photos.captured), max(photos.captured)"
            " FROM people JOIN looks ON person = people.id JOIN faces ON look = looks.id"
            " JOIN photos ON photos.id = photo WHERE missing_since IS NULL"
            " GROUP BY people.id ORDER BY 4 DESC, number IS NULL, number, people.id"
        )
        keys = ("id", "number", "faces", "photos", "first", "last")
        return [dict(zip(keys, row, strict=True)) for row in rows]

    def doubtful(self, limit: int) -> list[dict[str, Any]]:
        """Return doubtful faces that have candidates, the likeliest first."""
        rows = self._db.execute(
            f"SELECT faces.id, min(path), {_FACE}, (SELECT max(similarity) FROM candidates"
            "  WHERE face = faces.id) AS best FROM faces JOIN files ON files.photo = faces.photo"
            " WHERE best IS NOT NULL GROUP BY faces.id ORDER BY best DESC, faces.id LIMIT ?",
            [limit],
        ).fetchall()
        return [
            {
                "face": row[0],
                "photo": row[1],
                "box": list(row[2:6]),
                "quality": row[6],
                "candidates": self.candidates(row[0]),
            }
            for row in rows
        ]

    def candidates(self, face: int) -> list[dict[str, Any]]:
        """Return the candidates of a doubtful face, nearest first."""
        rows = self._db.execute(
            "SELECT person, number, similarity FROM candidates JOIN people ON people.id = person"
            " WHERE face = ? ORDER BY similarity DESC, person",
            [face],
        )
        return [dict(zip(("person", "number", "similarity"), row, strict=True)) for row in rows]

    def errors(self, limit: int) -> list[dict[str, Any]]:
        """Return files that failed, or failed once and will be tried again."""
        rows = self._db.execute(
            "SELECT path, reason, tries FROM files WHERE reason IS NOT NULL"
            " ORDER BY state <> 'failed', path LIMIT ?",
            [limit],
        )
        return [dict(zip(("path", "reason", "tries"), row, strict=True)) for row in rows]

    def file(self, path: bytes) -> dict[str, Any] | None:
        """Return state, reason and photo of the file at ``path``."""
        row = self._db.execute(
            "SELECT state, reason, photo FROM files WHERE path = ?", [path]
        ).fetchone()
        return dict(zip(("state", "reason", "photo"), row, strict=True)) if row else None

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

    def faces(self, photo: int) -> list[dict[str, Any]]:
        """Return the faces of a photo from left to right, each with its person or candidates."""
        rows = self._db.execute(
            f"SELECT faces.id, {_FACE}, person, number, similarity FROM faces"
            " LEFT JOIN looks ON looks.id = look LEFT JOIN people ON people.id = person"
            " WHERE photo = ? ORDER BY box_left, box_top",
            [photo],
        ).fetchall()
        return [
            {
                "box": list(row[1:5]),
                "quality": row[5],
                "person": row[6],
                "number": row[7],
                "similarity": row[8],
                "candidates": self.candidates(row[0]),
            }
            for row in rows
        ]

    def links(self) -> int:
        """Return how many links the output tree holds."""
        row = self._db.execute("SELECT count(*) FROM links WHERE kind = 'link'").fetchone()
        return int(row[0])

    def links_to(self, targets: list[bytes]) -> list[bytes]:
        """Return the links whose target ends like one of ``targets`` (relative ones do)."""
        marks = ", ".join("?" * len(targets))
        rows = self._db.execute(
            f"SELECT path FROM links WHERE kind = 'link' AND target IN ({marks}) ORDER BY path",
            targets,
        )
        return [row[0] for row in rows]


_COUNTS = {
    "photos": "SELECT count(*) FROM photos WHERE missing_since IS NULL",
    "missing": "SELECT count(*) FROM photos WHERE missing_since IS NOT NULL",
    "faces": "SELECT count(*) FROM faces",
    "doubtful": "SELECT count(*) FROM faces WHERE look IS NULL",
    "people": "SELECT count(*) FROM people",
    "folders": "SELECT count(*) FROM people WHERE number IS NOT NULL",
}
