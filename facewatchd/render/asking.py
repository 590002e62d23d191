"""What the daemon asks its user, and what it tells of the threshold."""

from __future__ import annotations

from typing import Any

from facewatchd.render.people import person_words
from facewatchd.render.show import Field, Grid
from facewatchd.render.words import count

_ASIDE = 10  # pairs that are shown


def suggestions_grid(suggestions: list[dict[str, Any]]) -> Grid:
    """Return pairs of people who may be one, one a row."""
    rows = [
        (
            str(each["number"]),
            _somebody(each["person"]),
            _somebody(each["other"]),
            f"{each['similarity']:.2f}",
            str(each["settles"]),
            f"{each['chance']:.0%}",
        )
        for each in suggestions
    ]
    columns = ("Number", "Person", "May be the same as", "Similarity", "Settles", "Chance")
    return Grid(columns, rows, "No two people look alike.")


def question_words(question: dict[str, Any]) -> str:
    """Return what is asked about faces."""
    number = len(question["faces"])
    these = "Is this face" if number == 1 else f"Are these {number:,} faces"
    if question["person"] is None:
        return f"{these} {person_words(question['candidates'][0])}?"
    who = person_words(question["person"])
    others = question["candidates"]
    like = f"looks more like {person_words(others[0])}" if others else "looks unlike the others"
    return f"This face is with {who} and {like}. Is it {who}?"


def candidate_words(candidate: dict[str, Any]) -> str:
    """Return who a face may be, how similar, and of how many faces."""
    faces = count(candidate["faces"], "face")
    return f"{person_words(candidate)}  {candidate['similarity']:.2f}  ({faces})"


def calibration_grid(calibration: dict[str, Any]) -> Grid:
    """Return what thresholds would do, one a row; the one in use is marked."""
    rows = [
        (
            f"{row['similarity']:.2f}"
            + (" *" if row["similarity"] == _present(calibration) else ""),
            *(_share(row[name]) for name in ("given", "wrong", "strangers", "joined")),
        )
        for row in calibration["rows"]
    ]
    columns = (
        "Similarity at least",
        "Given to their person",
        "To a wrong one",
        "Strangers taken in",
        "Two of one photo joined",
    )
    return Grid(columns, rows, "Nobody is settled yet.")


def calibration_fields(calibration: dict[str, Any]) -> list[Field]:
    """Describe what is proposed, and what was set aside."""
    aside = calibration["aside"]
    pairs = [
        f"faces {' and '.join(map(str, each['faces']))}, similarity {each['similarity']:.2f}"
        for each in aside[:_ASIDE]
    ]
    more = len(aside) - len(pairs)
    proposal = calibration["proposal"]
    return [
        Field("In use", f"{calibration['threshold']:.2f}, marked with *"),
        Field(
            "Confirmed",
            f"{count(calibration['confirmed'], 'face')} independently of the threshold"
            f" ({calibration['needed']:,} are needed)",
        ),
        Field("Proposal", "none" if proposal is None else f"{proposal:.2f}"),
        Field("Why", calibration["why"]),
        *(Field("Set aside", pair) for pair in pairs),
        *([Field("Set aside", f"{count(more, 'pair')} more of one photo")] if more else []),
    ]


def first_words(first: dict[str, Any]) -> str:
    """Return whom to name first."""
    people = first["people"]
    named = ", ".join(each["folder"] or each["person"] for each in people)
    these = "this person" if len(people) == 1 else f"these {len(people)} people"
    they = "that covers" if len(people) == 1 else "they cover"
    return f"Name {these} first: {they} {first['share']:.0%} of the faces ({named})"


def _present(calibration: dict[str, Any]) -> float:
    return round(float(calibration["threshold"]), 6)


def _share(share: dict[str, Any]) -> str:
    if share["share"] is None:
        return "nothing to tell by"
    return (
        f"{share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%},"
        f" {share['hits']:,} of {share['of']:,})"
    )


def _somebody(person: dict[str, Any]) -> str:
    face = "" if person["face"] is None else f", face {person['face']}"
    return f"{person_words(person)} ({count(person['faces'], 'face')}{face})"
