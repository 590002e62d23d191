"""A plan in words."""

from __future__ import annotations

from typing import Any

from facewatchd.render.show import Field
from facewatchd.render.words import count, moment

_SHORT = 8  # letters of an id


def plan_fields(plan: dict[str, Any]) -> list[Field]:
    """Describe a plan: what it comes to, then each change, most faces first."""
    people = [
        (plan["new_people"], "{} new"),
        (plan["merges"], "{} part of somebody else"),
        (plan["splits"], "{} split"),
    ]
    faces = [
        (plan["joins"], "{} join somebody"),
        (plan["moves"], "{} go from one to another"),
        (plan["leaves"], "{} become doubtful"),
    ]
    asked = f"{count(plan['questions'], 'face')} of people whom you spoke of may be somebody else"
    fields = [
        Field("Plan", f"{plan['id']}, made {moment(plan['made'])}"),
        Field("Churn", f"{plan['churn']:.1%} of the faces of people"),
        Field("Faces", ", ".join(_some(faces)) or ("" if plan["changes"] else "all stay")),
        Field("People", ", ".join(_some(people))),
        Field("Questions", asked if plan["questions"] else ""),
        *(Field("Change", change_words(change)) for change in plan["changes"]),
    ]
    return [field for field in fields if field.text]


def change_words(change: dict[str, Any]) -> str:
    """Return who gives how many faces to whom."""
    source = _who(change["source"], change["source_called"]) or "nobody"
    target = _who(change["target"], change["target_called"]) or "nobody"
    if change["new"] is not None:
        target = f"somebody new ({change['new']})"
    return f"{source} -> {target}: {count(change['faces'], 'face')}"


def waits_words(plan: dict[str, Any]) -> str:
    """Return that a plan waits, and what it comes to."""
    return (
        f"{plan['id']} waits: {count(plan['moves'], 'face')} would move, {plan['churn']:.1%} churn"
    )


def _some(counted: list[tuple[int, str]]) -> list[str]:
    return [template.format(f"{number:,}") for number, template in counted if number]


def _who(person: str | None, called: str | None) -> str | None:
    return called or (None if person is None else person[:_SHORT])
