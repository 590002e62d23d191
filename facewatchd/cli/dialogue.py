"""``facewatchctl doubtful next``: one question at a time, answered by single keys."""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.errors import ApiError, NotFoundError

if TYPE_CHECKING:
    from facewatchd.cli.drawing import Drawing
    from facewatchd.cli.keyboard import Keyboard
    from facewatchd.client import Client

_AT_ONCE = 200  # questions that are asked for together
_DRAWN = 2  # faces of a question that are drawn, before the candidate's
_PATHS = 3
_KEYS = "y yes   n no   {}w somebody new   i ignore   s skip   u undo   q quit"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the last decision that it knows of."""

    question: dict[str, Any]
    since: int

    @property
    def faces(self) -> list[int]:
        """The faces that it is about."""
        return [each["face"] for each in self.question["faces"]]

    @property
    def subject(self) -> dict[str, Any]:
        """Who "yes" says that they are: whose the face is now, else the nearest candidate."""
        whose: dict[str, Any] = self.question["person"] or self.question["candidates"][0]
        return whose

    def wishes(self) -> dict[str, tuple[str, str | None]]:
        """Return by key what can be said of the faces, and of whom."""
        people = [each["person"] for each in self.question["candidates"]]
        subject = self.subject["person"]
        chosen = {str(number): ("assign", who) for number, who in enumerate(people, 1)}
        return {"y": ("assign", subject), "n": ("reject", subject), "i": ("ignore", None), **chosen}

    def without_nearest(self, since: int) -> Asked | None:
        """Return what is left to ask when they are not the nearest candidate."""
        others = self.question["candidates"][1:]
        if self.question["person"] is not None or not others:
            return None
        margin = others[0]["similarity"] - others[1]["similarity"] if others[1:] else None
        left = {"candidates": others, "similarity": others[0]["similarity"], "margin": margin}
        return Asked(self.question | left, since)


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision that was taken, by its number, on a question; ``settles`` so many faces."""

    decision: int
    asked: Asked
    settles: int


class _Quit(Exception):  # noqa: N818 -- it is how a dialogue ends, no error
    pass


class Dialogue:
    """Asks until nothing is left to ask or the user has enough."""

    def __init__(self, client: Client, drawing: Drawing, keyboard: Keyboard) -> None:
        self._client = client
        self._keyboard = keyboard
        self._drawing = drawing
        self._queue: deque[Asked] = deque()
        self._answers: list[Answer] = []
        self._seen: set[int] = set()  # faces that were asked about, skipped ones too
        self._total = 0
        self._pictures: dict[int, bytes] = {}  # of candidates

    def run(self) -> None:
        """Ask everything that there is to ask."""
        with contextlib.suppress(_Quit, KeyboardInterrupt, EOFError):
            while self._queue or self._fetch():
                self._ask(self._queue.popleft())
            click.echo("Nothing more is to be asked.")
        click.echo(f"{self._progress()}.")

    def _fetch(self) -> bool:
        answer = self._client.questions(_AT_ONCE)
        fresh = [
            Asked(each, answer["decision"])
            for each in answer["questions"]
            if not self._seen & {face["face"] for face in each["faces"]}
        ]
        self._total = self._settled + answer["faces"]
        self._queue.extend(fresh)
        return bool(fresh)

    def _ask(self, asked: Asked) -> None:
        self._seen.update(asked.faces)
        self._show(asked)
        while not self._done(asked, self._keyboard.key()):
            continue

    def _show(self, asked: Asked) -> None:
        click.echo()
        self._draw(asked)
        paths = [f"{face['face']}  {face['photo']}" for face in asked.question["faces"]]
        for path in paths[:_PATHS]:
            click.echo(render.printable(path))
        if paths[_PATHS:]:
            click.echo(f"… and {render.count(len(paths[_PATHS:]), 'face')} more")
        click.secho(render.printable(render.question_words(asked.question)), bold=True)
        for number, each in enumerate(asked.question["candidates"], 1):
            click.echo(render.printable(f"  {number}  {render.candidate_words(each)}"))
        if asked.question["margin"] is not None:
            click.echo(f"  margin {asked.question['margin']:.2f}")
        click.echo(self._keys(asked))

    def _keys(self, asked: Asked) -> str:
        number = len(asked.question["candidates"])
        others = "" if not number else "1 that one   " if number == 1 else f"1-{number} that one   "
        return f"{_KEYS.format(others)}   ({self._progress()})"

    def _draw(self, asked: Asked) -> None:
        """Draw faces of the question, and after them the one whom they may be."""
        try:
            pictures = [self._picture(face) for face in asked.faces[:_DRAWN]]
            subject = asked.subject["face"]
            if subject is not None and subject not in asked.faces:
                if subject not in self._pictures:
                    self._pictures[subject] = self._picture(subject)
                pictures.append(self._pictures[subject])
        except (ApiError, NotFoundError) as error:
            _complain(error)
            return
        for line in self._drawing.lines(pictures):
            click.echo(line, color=True)

    def _picture(self, face: int) -> bytes:
        return self._client.picture(face, self._drawing.side, self._drawing.form)

    def _done(self, asked: Asked, key: str) -> bool:
        """Do what a key says, and return whether this question is over."""
        wishes = asked.wishes()
        others = {"w": self._name, "s": _skip, "u": self._undo, "q": _quit}
        if key in wishes:
            return self._say(asked, *wishes[key])
        if key in others:
            return others[key](asked)
        click.echo(self._keys(asked))
        return False

    def _say(self, asked: Asked, what: str, person: str | None) -> bool:
        """Take a decision; if somebody else took one, say so and go on with the next question."""
        try:
            decision = self._client.say(
                f"faces/{what}", faces=asked.faces, since=asked.since, person=person
            )
        except (ApiError, NotFoundError) as error:
            _complain(error)
        else:
            self._take(asked, decision, rejected=what == "reject")
        return True

    def _name(self, asked: Asked) -> bool:
        """Ask for the name of somebody new; without one, or with one that is taken, ask again."""
        name = self._keyboard.line("Name")
        if not name.strip():
            self._show(asked)
            return False
        try:
            decision = self._client.say(
                "faces/assign", faces=asked.faces, since=asked.since, new=name
            )
        except (ApiError, NotFoundError) as error:
            _complain(error)
            self._show(asked)
            return False
        self._take(asked, decision)
        return True

    def _take(self, asked: Asked, decision: dict[str, Any], *, rejected: bool = False) -> None:
        click.echo(render.printable(f"{render.decision_words(decision)}."))
        left = asked.without_nearest(decision["number"]) if rejected else None
        self._answers.append(Answer(decision["number"], asked, 0 if left else len(asked.faces)))
        if left is not None:
            self._queue.appendleft(left)

    def _undo(self, asked: Asked) -> bool:
        """Take back the last answer and ask that again, and then this."""
        if not self._answers:
            click.echo("There is no answer to take back.")
            return False
        last = self._answers[-1]
        try:
            undone = self._client.say("undo", decision=str(last.decision))
        except (ApiError, NotFoundError) as error:
            _complain(error)
            return False
        self._answers.pop()
        click.echo(f"Decision {last.decision} is taken back.")
        is_follow_up = asked.faces == last.asked.faces
        self._queue.extendleft([] if is_follow_up else [asked])
        self._queue.appendleft(replace(last.asked, since=undone["number"]))
        return True

    @property
    def _settled(self) -> int:
        return sum(each.settles for each in self._answers)

    def _progress(self) -> str:
        return f"{self._settled:,} of {render.count(self._total, 'face')} settled"


def _skip(_: Asked) -> bool:
    return True


def _quit(_: Asked) -> bool:
    raise _Quit


def _complain(error: ApiError | NotFoundError) -> None:
    click.echo(f"{render.printable(error.title)}\n  {render.printable(error.remedy)}", err=True)
