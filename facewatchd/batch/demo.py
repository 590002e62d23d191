"""The demo, which runs the real daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text
from rich.tree import Tree

from facewatchd import demo_photos
from facewatchd.client import Client
from facewatchd.errors import FacewatchError, NotRunningError
from facewatchd.render import count, duration, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_SETTINGS = "work: {on_battery: true}  # somebody waits for it\n"
_LINKS_SHOWN = 8
_ROWS_SHOWN = 10
_POLL_EVERY = 0.2
_STOPS_WITHIN = 30.0
_LOG_LINES = 8


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that the demo makes, and what lies in it."""

    folder: Path

    @property
    def photos(self) -> Path:
        """The made photos."""
        return self.folder / "photos"

    @property
    def people(self) -> Path:
        """The result: a folder of links for each person."""
        return self.folder / "people"

    @property
    def state(self) -> Path:
        """The daemon's state folder."""
        return self.folder / "state"

    @property
    def log(self) -> Path:
        """What the daemon wrote to stderr."""
        return self.folder / "daemon.log"

    @property
    def settings(self) -> Path:
        """The daemon's configuration, by which an earlier demo's folder is known too."""
        return self.folder / ".facewatchd-demo"

    def client(self) -> Client:
        """Return a client of the demo's daemon."""
        return Client(self.state / "api.sock")

    def clear(self) -> None:
        """Make the folder, or empty it of an earlier demo; FacewatchError if it is another's."""
        try:
            if not self.settings.is_file() and self.folder.exists() and any(self.folder.iterdir()):
                raise FacewatchError(
                    f"{self.folder} is not empty, and no demo made it.",
                    "Name another folder with --into.",
                )
            if self._in_use():
                raise FacewatchError(
                    f"Another demo is running in {self.folder}.",
                    "Wait for its end, or name another folder with --into.",
                )
            for made in (self.photos, self.people, self.state):
                if made.exists():
                    shutil.rmtree(made)
            self.folder.mkdir(parents=True, exist_ok=True)
            self.settings.write_text(_SETTINGS, encoding="ascii")
        except OSError as error:
            raise FacewatchError(
                f"The folder {self.folder} cannot be made: {error.strerror}.",
                "Name another folder with --into.",
            ) from error

    def _in_use(self) -> bool:
        client = self.client()
        try:
            client.status()
        except NotRunningError:
            return False
        return True


class _Daemon:
    """The real daemon as a process, in a group of its own: Ctrl-C is ours to handle."""

    def __init__(self, photos: Path, place: Place) -> None:
        self._log = place.log
        command = [sys.executable, "-P", "-m", "facewatchd", "--root", str(photos)]
        command += ["--output", str(place.people), "--state", str(place.state)]
        command += ["--config", str(place.settings)]
        with place.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )

    def check(self) -> None:
        """Raise FacewatchError if the daemon ended by itself, or ended badly."""
        code = self._process.poll()
        if code is None:
            return
        tail = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        said = "".join(f"\n  {printable(line)}" for line in tail)
        raise FacewatchError(
            f"The daemon ended with exit code {code}. It said:{said}",
            f"All that it said is in {self._log}.",
        )

    def stop(self) -> int:
        """End the daemon as a service manager does, and return its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


@contextmanager
def _running(photos: Path, place: Place) -> Iterator[_Daemon]:
    daemon = _Daemon(photos, place)
    try:
        yield daemon
    finally:
        code = daemon.stop()
    if code != 0:
        daemon.check()


def show_off(photos: Path | None, place: Place, console: Console) -> None:
    """Run the daemon on ``photos`` (None: on made ones) until all is done, and show the tree."""
    if photos is not None and photos.resolve().is_relative_to(place.folder.resolve()):
        raise FacewatchError(
            f"The photos {photos} lie in {place.folder}, which the demo replaces.",
            "Name another folder with --into.",
        )
    group = None if photos else demo_photos.group_picture()
    place.clear()
    if group is not None:
        made, _ = demo_photos.make(group, place.photos)
        console.print(f"Made {count(len(made), 'photo')} of six people, and a broken one.")
    watched = photos or place.photos
    began = time.monotonic()
    client = place.client()
    with _running(watched, place) as daemon:
        with _progress(console) as progress:
            status = _until_done(daemon, client, progress)
        doubtful, errors = client.doubtful(_ROWS_SHOWN), client.errors(_ROWS_SHOWN)
    _tell(place, console, status, time.monotonic() - began)
    _list(console, "Doubtful", [f"{d['photo']} (box {d['box']})" for d in doubtful])
    _list(console, "Failed", [f"{e['path']}: {e['reason']}" for e in errors])
    _what_next(place, console)


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("photos, {task.fields[faces]} faces, {task.fields[people]} people"),
        console=console,
    )


def _until_done(daemon: _Daemon, client: Client, progress: Progress) -> dict[str, Any]:
    """Return the status once every photo is read, everything is clustered and the tree is made."""
    task = progress.add_task("starting", total=None, faces=0, people=0)
    asked = False
    while True:
        daemon.check()
        try:
            status = client.status()
        except NotRunningError:  # not yet
            time.sleep(_POLL_EVERY)
            continue
        files = status["files"]
        finished = files["done"] + files["failed"]
        progress.update(
            task,
            description=status["state"],
            completed=finished,
            total=(finished + files["pending"]) or None,
            faces=status["faces"],
            people=status["people"],
        )
        if status["state"] == "idle" and not files["pending"]:
            if status["recluster"]["last"] is not None:
                return status
            if not asked:
                client.recluster()
                asked = True
        time.sleep(_POLL_EVERY)


def _tell(place: Place, console: Console, status: dict[str, Any], seconds: float) -> None:
    console.print()
    console.print(_tree(place.people))
    console.print()
    console.print(
        f"{count(status['photos'], 'photo')} with {count(status['faces'], 'face')} in "
        f"{duration(seconds)}: {count(status['people'], 'person', 'people')}, "
        f"{status['folders']:,} of them with a folder, {status['doubtful']:,} faces doubtful, "
        f"{count(status['files']['failed'], 'file')} failed."
    )


def _tree(folder: Path, label: str = "") -> Tree:
    """Return ``folder`` as a tree, in which long folders are cut short."""
    tree = Tree(Text(printable(label or str(folder))))
    _grow(tree, folder)
    return tree


def _grow(tree: Tree, folder: Path) -> None:
    entries = sorted(folder.iterdir(), key=_covers_first) if folder.is_dir() else []
    folders = [e for e in entries if e.is_dir() and not e.is_symlink()]
    leaves = [e for e in entries if e not in folders and not e.name.startswith(".")]
    for leaf in leaves[:_LINKS_SHOWN]:
        tree.add(Text(printable(leaf.name)))
    if len(leaves) > _LINKS_SHOWN:
        tree.add(Text(f"… and {len(leaves) - _LINKS_SHOWN:,} more", style="dim"))
    for child in folders:
        if not child.name.startswith("."):
            _grow(tree.add(Text(printable(child.name), style="bold")), child)


def _covers_first(path: Path) -> tuple[bool, Path]:
    return path.is_symlink(), path


def _list(console: Console, title: str, lines: list[str]) -> None:
    if lines:
        console.print(Text(title, style="bold"))
    for line in lines:
        console.print(Text(f"  {printable(line)}"))


def _what_next(place: Place, console: Console) -> None:
    console.print(Text(f"\nThe tree lies in {printable(str(place.people))}; look around in it."))
    console.print("Then, with photos of your own:")
    console.print(Text(f"  {_typed('facewatchd')} --root ~/Pictures --output ~/People"))
    console.print(Text(f"  {_typed('facewatchctl')} status --watch"))


def _typed(program: str) -> str:
    """Return what one types to start ``program`` here: its name alone only where that works."""
    beside = Path(sys.executable).with_name(program)
    return program if shutil.which(program) else printable(os.path.relpath(beside))
