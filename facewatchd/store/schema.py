"""The tables of the store, as migrations that are never edited once released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

migrations = Migrations("facewatchd")


@migrations(name="0001_library")
def _library(db: Database) -> None:
    """Files in roots, photos by content, faces, people with their looks, links made."""
    for statement in _LIBRARY.split(";"):
        db.execute(statement)


_LIBRARY = """
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE photos (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    captured REAL NOT NULL,
    captured_source TEXT NOT NULL,
    missing_since REAL
);

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    folder BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed', 'unsupported')),
    reason TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    captured REAL NOT NULL,
    dated INTEGER NOT NULL DEFAULT 0,
    photo INTEGER REFERENCES photos
);
CREATE INDEX files_by_folder ON files (folder);
CREATE INDEX files_by_state ON files (state, captured DESC);
CREATE INDEX files_undated ON files (folder, path) WHERE state = 'pending' AND NOT dated;
CREATE INDEX files_by_photo ON files (photo);
CREATE INDEX files_by_inode ON files (inode, size);

CREATE TABLE people (
    id TEXT PRIMARY KEY,
    number INTEGER UNIQUE,
    cover INTEGER
) WITHOUT ROWID;

CREATE TABLE looks (
    id INTEGER PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
    centroid BLOB NOT NULL,
    count INTEGER NOT NULL,
    spread REAL NOT NULL
);
CREATE INDEX looks_by_person ON looks (person);

CREATE TABLE faces (
    id INTEGER PRIMARY KEY,
    photo INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,
    box_left INTEGER NOT NULL,
    box_top INTEGER NOT NULL,
    box_right INTEGER NOT NULL,
    box_bottom INTEGER NOT NULL,
    quality REAL NOT NULL,
    engine TEXT NOT NULL,
    encoding BLOB NOT NULL,
    look INTEGER REFERENCES looks,
    similarity REAL
);
CREATE INDEX faces_by_photo ON faces (photo);
CREATE INDEX faces_by_look ON faces (look);

CREATE TABLE candidates (
    face INTEGER NOT NULL REFERENCES faces ON DELETE CASCADE,
    person TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
    similarity REAL NOT NULL,
    PRIMARY KEY (face, person)
) WITHOUT ROWID;
CREATE INDEX candidates_by_person ON candidates (person);

CREATE TABLE links (
    path BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('link', 'file', 'folder')),
    target BLOB NOT NULL,
    digest BLOB
) WITHOUT ROWID
"""


@migrations(name="0002_identity")
def _identity(db: Database) -> None:
    """Photos by their picture, files by their content, each with its orientation."""
    for statement in _IDENTITY.split(";"):
        db.execute(statement)


# Until now a photo's hash was that of its file, and its boxes were found in that file's upright
# pixels: relative to itself each of those photos is upright.  Exact copies of them are still known;
# a file of theirs whose metadata is rewritten is read once more, as a new photo.
_IDENTITY = """
CREATE TABLE contents (
    hash BLOB PRIMARY KEY,
    photo INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,
    orientation INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX contents_by_photo ON contents (photo);
ALTER TABLE photos ADD COLUMN orientation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE files ADD COLUMN orientation INTEGER;
INSERT INTO contents SELECT hash, id, 1 FROM photos
"""


@migrations(name="0003_intake")
def _intake(db: Database) -> None:
    """What walks saw: digests of folders, what roots are known by, kinds of other files."""
    for statement in _INTAKE:
        db.execute(statement)


_INTAKE = (
    "ALTER TABLE files ADD COLUMN kind TEXT",
    "CREATE INDEX files_by_kind ON files (kind) WHERE kind IS NOT NULL",
    "CREATE TABLE folders (path BLOB PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE places (
        path BLOB PRIMARY KEY,
        identity TEXT NOT NULL,
        inode INTEGER NOT NULL,
        synced INTEGER NOT NULL
    ) WITHOUT ROWID""",
    # A digest stands for the rows of its folder: any change of them takes it away.
    """CREATE TRIGGER file_added AFTER INSERT ON files BEGIN
        DELETE FROM folders WHERE path = new.folder; END""",
    """CREATE TRIGGER file_changed AFTER UPDATE OF size, mtime_ns, inode ON files BEGIN
        DELETE FROM folders WHERE path = new.folder; END""",
    """CREATE TRIGGER file_removed AFTER DELETE ON files BEGIN
        DELETE FROM folders WHERE path = old.folder; END""",
)


@migrations(name="0004_engines")
def _engines(db: Database) -> None:
    """By which engine each photo was read and each look was made; what a second one finds.

    Also the measures that the quality of a face is made of.
    """
    for statement in _ENGINES:
        db.execute(statement)


# Until now the only detector was hog.
_ENGINES = (
    "INSERT INTO facts SELECT 'detector', 'hog' FROM facts WHERE name = 'engine'",
    """INSERT INTO facts SELECT 'first_encoder', substr(value, 1, instr(value, '/') - 1)
        FROM facts WHERE name = 'engine'""",
    # DETECTOR/ENCODER@VERSION; facts and faces have ENCODER/VERSION, which is what compares.
    "ALTER TABLE photos ADD COLUMN engine TEXT NOT NULL DEFAULT ''",
    """UPDATE photos SET engine = 'hog/' || (SELECT replace(value, '/', '@') FROM facts
        WHERE name = 'engine')""",
    "CREATE INDEX photos_by_engine ON photos (engine)",
    "ALTER TABLE looks ADD COLUMN engine TEXT NOT NULL DEFAULT ''",
    "UPDATE looks SET engine = (SELECT value FROM facts WHERE name = 'engine')",
    # What the quality was made of; not known of faces found until now.
    *(
        f"ALTER TABLE faces ADD COLUMN {name} REAL"
        for name in ("size", "sharpness", "confidence", "pose")
    ),
    # How often it may still be tried to read a known photo again; 0: it need not be read again.
    "ALTER TABLE photos ADD COLUMN again INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX photos_again ON photos (captured DESC, id) WHERE again > 0",
    """CREATE TABLE switch (
        detector TEXT NOT NULL,
        encoder TEXT NOT NULL,
        version TEXT NOT NULL,
        halted TEXT
    )""",
    "CREATE TABLE next_photos (photo INTEGER PRIMARY KEY REFERENCES photos ON DELETE CASCADE)",
    """CREATE TABLE next_faces (
        id INTEGER PRIMARY KEY,
        photo INTEGER NOT NULL REFERENCES next_photos ON DELETE CASCADE,
        box_left INTEGER NOT NULL,
        box_top INTEGER NOT NULL,
        box_right INTEGER NOT NULL,
        box_bottom INTEGER NOT NULL,
        quality REAL NOT NULL,
        size REAL NOT NULL,
        sharpness REAL NOT NULL,
        confidence REAL NOT NULL,
        pose REAL,
        encoding BLOB NOT NULL
    )""",
    "CREATE INDEX next_faces_by_photo ON next_faces (photo)",
)


@migrations(name="0005_people")
def _people(db: Database) -> None:
    """What the user said: decisions, and what they come to for people and faces."""
    for statement in _PEOPLE:
        db.execute(statement)


_PEOPLE = (
    """CREATE TABLE decisions (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        line TEXT NOT NULL
    )""",
    # kept: the user has spoken of this person, whom the program leaves alone from then on.
    "ALTER TABLE people ADD COLUMN kept INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE people ADD COLUMN name TEXT",
    "ALTER TABLE people ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0",
    # Who this person is after all merges; NULL: nobody else.
    "ALTER TABLE people ADD COLUMN into_person TEXT",
    # A look stays with its owner; its person is who that is after all merges.
    "ALTER TABLE looks ADD COLUMN owner TEXT",
    "UPDATE looks SET owner = person",
    "CREATE INDEX looks_by_owner ON looks (owner)",
    # What the user said of a face itself; NULL: nothing.
    "ALTER TABLE faces ADD COLUMN said TEXT CHECK (said IN ('confirmed', 'added', 'ignored'))",
    "CREATE INDEX faces_said ON faces (said) WHERE said IS NOT NULL",
    # Who is in which photo (picture hash) without a face; people as they are after all merges.
    """CREATE TABLE present (
        photo BLOB NOT NULL,
        person TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
        PRIMARY KEY (photo, person)
    ) WITHOUT ROWID""",
    # Users name faces by their numbers, and plans do: none is given twice.
    """CREATE TRIGGER last_face_removed AFTER DELETE ON faces
        WHEN old.id > coalesce((SELECT max(id) FROM faces), 0) BEGIN
        INSERT OR REPLACE INTO facts SELECT 'last_face', max(old.id,
            coalesce((SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'last_face'), 0));
        END""",
    """CREATE TABLE plan (
        id TEXT PRIMARY KEY,
        made REAL NOT NULL,
        churn REAL NOT NULL,
        body BLOB NOT NULL
    ) WITHOUT ROWID""",
    # Faces of kept people that the last clustering thinks are somebody else, or nobody it knows.
    """CREATE TABLE questions (
        face INTEGER PRIMARY KEY REFERENCES faces ON DELETE CASCADE,
        other TEXT REFERENCES people ON DELETE CASCADE,
        similarity REAL NOT NULL
    )""",
)


@migrations(name="0006_successions")
def _successions(db: Database) -> None:
    """Files whose picture changed: which decisions are to be carried over, and which could not."""
    for statement in _SUCCESSIONS:
        db.execute(statement)


_SUCCESSIONS = (
    # The file at ``path`` shows ``photo``, and showed ``former`` before.
    """CREATE TABLE successions (
        former INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,
        photo INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,
        path BLOB NOT NULL,
        PRIMARY KEY (former, photo)
    ) WITHOUT ROWID""",
    # What a decision (id) speaks of, by picture hash and by box in stored pixels, or with NULL by
    # the photo alone, and what was not found in the picture that came in its place.
    """CREATE TABLE unfound (
        decision TEXT NOT NULL,
        path BLOB NOT NULL,
        former BLOB NOT NULL,
        box_left INTEGER,
        box_top INTEGER,
        box_right INTEGER,
        box_bottom INTEGER,
        at REAL NOT NULL
    )""",
)


@migrations(name="0007_copies")
def _copies(db: Database) -> None:
    """Photos that stand in the output tree as files of their own."""
    for statement in _COPIES:
        db.execute(statement)


_COPIES = (
    "ALTER TABLE links RENAME TO former_links",
    # Of a copy: target is the photo's path, digest the SHA-256 of its bytes, photo the hash of the
    # picture, source_size and source_mtime_ns what the photo had; then what the copy was known by.
    """CREATE TABLE links (
        path BLOB PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('link', 'copy', 'file', 'folder')),
        target BLOB NOT NULL,
        digest BLOB,
        photo BLOB,
        way TEXT,
        source_size INTEGER,
        source_mtime_ns INTEGER,
        inode INTEGER,
        size INTEGER,
        mtime_ns INTEGER,
        ctime_ns INTEGER
    ) WITHOUT ROWID""",
    """INSERT INTO links (path, kind, target, digest)
        SELECT path, kind, target, digest FROM former_links""",
    "DROP TABLE former_links",
)


@migrations(name="0008_events")
def _events(db: Database) -> None:
    """What happened that others are told of."""
    db.execute(_EVENTS)


# at: microseconds since 1970.  facts: a JSON object of ids and numbers, no names, no photos' paths.
_EVENTS = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    facts TEXT NOT NULL
)
"""
