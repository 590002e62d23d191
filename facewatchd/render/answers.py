"""What the API answers of people, photos and paths."""

from __future__ import annotations

from typing import Any

from facewatchd.render.people import box_words, candidates_words, who_words
from facewatchd.render.show import Field, Grid
from facewatchd.render.words import taken


def people_grid(people: list[dict[str, Any]]) -> Grid:
    """Return everyone, one a row."""
    rows = [
        (
            person["name"] or "",
            "hidden" if person["hidden"] else person["folder"] or "no folder yet",
            str(person["photos"]),
            str(person["faces"]),
            "" if person["first"] is None else taken(person["first"])[:10],
            "" if person["last"] is None else taken(person["last"])[:10],
            person["id"],
        )
        for person in people
    ]
    columns = ("Name", "Folder", "Photos", "Faces", "First", "Last", "Id")
    return Grid(columns, rows, "Nobody is known yet.")


def doubtful_grid(doubtful: list[dict[str, Any]]) -> Grid:
    """Return doubtful faces, one a row."""
    rows = [
        (
            str(face["face"]),
            face["photo"],
            box_words(face["box"]),
            f"{face['quality']:.2f}",
            candidates_words(face["candidates"]),
        )
        for face in doubtful
    ]
    return Grid(("Face", "Photo", "Box", "Quality", "May be"), rows, "No face is doubtful.")


def errors_grid(errors: list[dict[str, Any]]) -> Grid:
    """Return failed files, and photos in which faces lack, one a row."""
    rows = [(error["path"], str(error["tries"]), error["reason"]) for error in errors]
    return Grid(("Photo", "Tries", "Reason"), rows, "Nothing failed.")


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
    fields += [
        Field("Face", f"{face['face']}, {who_words(face)}, at {box_words(face['box'])}")
        for face in found["faces"]
    ]
    fields += [Field("Link", link) for link in found["links"]]
    return fields


def why_fields(why: dict[str, Any]) -> list[Field]:
    """Describe what the daemon makes of a path, step by step, the verdict last."""
    steps = [Field(str(number), step) for number, step in enumerate(why["chain"], 1)]
    return [Field("Path", why["path"]), *steps, Field("Verdict", why["verdict"])]
