"""One person, one face, and photos of people."""

from __future__ import annotations

from typing import Any

from facewatchd.render.show import Field, Grid
from facewatchd.render.words import count, taken

_SAID = {"confirmed": "you said whose it is", "added": "its box is yours"}


def person_fields(person: dict[str, Any]) -> list[Field]:
    """Describe a person and the faces in ``least_similar``."""
    fields = [
        Field("Name", person["name"] or "none"),
        Field("Id", person["id"]),
        Field("Folder", "hidden" if person["hidden"] else person["folder"] or "none yet"),
        Field("Faces", f"{_faces(person)} in {count(person['photos'], 'photo')}"),
        Field("Looks", f"{person['looks']:,}"),
        Field("Taken", _days(person["first"], person["last"])),
        *(Field("Merged", merged) for merged in person["merged"]),
        *(Field("Least similar", _face(face)) for face in person["least_similar"]),
    ]
    return [field for field in fields if field.text]


def face_fields(face: dict[str, Any]) -> list[Field]:
    """Describe a face, whose it is, and who it may be."""
    fields = [
        Field("Face", str(face["face"])),
        Field("Photo", face["photo"] or "its file is gone"),
        Field("Box", box_words(face["box"])),
        Field("Taken", taken(face["captured"])),
        Field("Quality", f"{face['quality']:.2f}"),
        Field("Engine", face["engine"]),
        Field("Person", who_words(face)),
    ]
    if face["person"] is not None and face["said"] is not None:
        fields.append(Field("Said", _SAID[face["said"]]))
    return fields


def photos_grid(photos: list[dict[str, Any]]) -> Grid:
    """Return photos, one a row."""
    rows = [(taken(photo["captured"]), photo["path"]) for photo in photos]
    return Grid(("Taken", "Photo"), rows, "There is no such photo.")


def box_words(box: list[int]) -> str:
    """Return a box as it is typed."""
    return ",".join(map(str, box))


def person_words(person: dict[str, Any]) -> str:
    """Return what somebody is called: by name, by folder, else by id."""
    return person["name"] or person["folder"] or f"{person['person']} (no folder yet)"


def candidates_words(candidates: list[dict[str, Any]]) -> str:
    """Return who a face may be, and how similar they are."""
    return (
        ", ".join(f"{person_words(c)} {c['similarity']:.2f}" for c in candidates) or "nobody known"
    )


def who_words(face: dict[str, Any]) -> str:
    """Return whose a face is, or who it may be."""
    if face["said"] == "ignored":
        return "ignored"
    if face["person"] is None:
        return f"doubtful, may be {candidates_words(face['candidates'])}"
    similarity = face["similarity"]
    return person_words(face) + ("" if similarity is None else f", similarity {similarity:.2f}")


def _faces(person: dict[str, Any]) -> str:
    confirmed = f" ({person['confirmed']:,} confirmed)" if person["confirmed"] else ""
    return count(person["faces"], "face") + confirmed


def _face(face: dict[str, Any]) -> str:
    similarity = "" if face["similarity"] is None else f"{face['similarity']:.2f}, "
    return f"{face['face']}: {similarity}{box_words(face['box'])} in {face['photo'] or 'no file'}"


def _days(first: float | None, last: float | None) -> str:
    if first is None or last is None:
        return ""
    return f"{taken(first)[:10]} to {taken(last)[:10]}"
