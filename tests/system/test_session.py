"""A session as a user has it: after each step, everything that was decided until then holds."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from facewatchd.model import Box
from facewatchd.overlap import iou
from tests.conftest import missing
from tests.support.daemon import Daemon
from tests.support.promises import (
    Covered,
    Decided,
    Hidden,
    Ignored,
    NotTheirs,
    Present,
    Promise,
    Sight,
    Theirs,
    View,
    broken,
    different,
    majority,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Shown = Callable[..., None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

CHECKOUT = Path(__file__).resolve().parents[2]
OFTEN = {
    "Tony_Blair": 20,
    "Serena_Williams": 18,
    "Laura_Bush": 15,
    "Andre_Agassi": 15,
    "Vladimir_Putin": 15,
    "Kofi_Annan": 12,
}
ONCE = 30
PATIENCE = 30.0


class Session:
    """A user at a library, who takes decisions and looks whether they hold."""

    def __init__(self, daemon: Daemon, shown: Shown) -> None:
        self.daemon = daemon
        self.decided = Decided()
        self.broken: list[str] = []
        self._shown = shown
        self._steps = 0
        self._before: dict[Sight, str | None] = {}

    def types(self, *command: str | Path) -> str:
        result = self.daemon.ctl(*command)
        assert (result.returncode, result.stderr) == (0, b""), result.stderr.decode()
        return result.stdout.decode()

    def says(self, what: str, **wish: Any) -> dict[str, Any]:
        client = self.daemon.client
        return client.say(what, **wish)

    def sees(self) -> View:
        return View(self.daemon)

    def step(self, what: str) -> View:
        """Wait until all that was decided holds, and put down what came out."""
        self.daemon.wait_until_idle(200)
        view, wrong = self.sees(), [""]

        def holds() -> bool:
            nonlocal view, wrong
            view = self.sees()
            wrong = broken(self.decided.promises, view)
            return not wrong

        try:
            self.daemon.wait_for(holds, PATIENCE)
        except AssertionError:
            self.broken += [f"after {what}: {each}" for each in wrong]
        self._steps += 1
        count = len(self.decided.promises)
        untouched = [sight for sight in self._before if not self.decided.spoke_of(sight)]
        moved = different(self._before, view.whose(self._before), untouched)
        self._before = {sight: face["person"] for sight, face in view.everything()}
        kept, people = str(count - len(wrong)), str(len(view.people))
        self._shown(f"{self._steps:02d}: {what}", str(count), kept, people, str(moved))
        return view


@pytest.fixture
def session(tmp_path: Path, photos: Path, shown: Shown) -> Iterator[Session]:
    if shutil.which("exiftool") is None:
        missing("exiftool")
    daemon = Daemon(
        tmp_path,
        settings={"backups": {"every": None}},
        environment={"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests' / 'plugins'}"},
    )
    daemon.settings["roots"] = [{"path": str(daemon.photos)}]
    shutil.copytree(photos / "bbt", daemon.photos / "bbt")
    source = sorted((photos / "lfw").iterdir())
    often: list[Path] = []
    for who, number in OFTEN.items():
        often += [path for path in source if path.name.startswith(f"{who}_0")][:number]
    once = [p for p in source if p.name.endswith("_0001.jpg") and p not in often][:ONCE]
    for path in (*often, *once):
        shutil.copyfile(path, daemon.photos / path.name)
    try:
        daemon.start()
        daemon.wait_until_idle(300)
        daemon.recluster()
        yield Session(daemon, shown)
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


def test_every_decision_holds_whatever_happens(session: Session) -> None:
    session.step("all photos read, nothing decided")
    name_and_merge(session)
    split_and_confirm(session)
    move_faces(session)
    add_faces(session)
    kill(session)
    cluster_anew(session)
    switch_engine(session)
    rewrite_metadata(session)
    lose_the_store(session)
    go_back(session)
    false = opposites(session)
    assert len(broken(false, session.sees())) == len(false), "the check would see nothing"
    assert session.daemon.stop() == 0
    assert not session.broken, "\n".join(session.broken)


def of_lfw(view: View, who: str) -> str:
    return majority(view, [photo for photo in view.faces if photo.startswith(who)])


def of_house(view: View, who: str) -> str:
    return majority(view, [photo for photo in view.faces if photo.startswith(f"bbt/{who}/")])


def numbers(view: View, sights: frozenset[Sight]) -> list[int]:
    found = [view.at(sight) for sight in sights]
    return sorted(face["face"] for face in found if face is not None)


def name_and_merge(session: Session) -> None:
    view = session.sees()
    for who, name in (
        (of_lfw(view, "Tony_Blair"), "Tony"),
        (of_lfw(view, "Vladimir_Putin"), "Владимир"),
        (of_lfw(view, "Serena_Williams"), "Serena / 1"),
        (of_house(view, "raj"), "Raj"),
    ):
        session.says("people/name", person=who, name=name)
        session.decided.say(Theirs("name", who, view.of(who), name=name))
    session.step("four people named")

    one, other = of_lfw(view, "Laura_Bush"), of_lfw(view, "Andre_Agassi")
    session.says("people/name", person=one, name="Both")
    session.says("people/merge", person=one, other=other)
    both = view.of(one) | view.of(other)
    session.decided.say(
        Theirs("name", one, view.of(one), name="Both"), Theirs("merge", one, both, name="Both")
    )
    session.step("two people merged who are not one")


def split_and_confirm(session: Session) -> None:
    view = session.sees()
    serena = of_lfw(view, "Serena_Williams")
    some = frozenset(sorted(view.of(serena))[::3])
    decision = session.says("people/split", person=serena, faces=numbers(view, some))
    split = Theirs("split", decision["other"], some, moved=True)
    session.decided.say(split)
    session.step("a person split who is one")

    putin = of_lfw(view, "Vladimir_Putin")
    session.says("people/confirm", person=putin)
    session.decided.say(Theirs("confirm", putin, view.of(putin), name="Владимир", mark="confirmed"))
    session.step("a person's faces confirmed")


def move_faces(session: Session) -> None:
    view = session.sees()
    tony, annan = of_lfw(view, "Tony_Blair"), of_lfw(view, "Kofi_Annan")
    of_tony = sorted(view.of(tony))
    session.says("faces/reject", faces=numbers(view, frozenset(of_tony[:2])))
    session.decided.say(NotTheirs("reject", tony, frozenset(of_tony[:2])))
    wrong = frozenset(sorted(view.of(annan))[:2])
    session.says("faces/assign", faces=numbers(view, wrong), person="Tony")
    session.decided.say(Theirs("assign", tony, wrong, name="Tony", mark="confirmed", moved=True))
    session.step("faces of a person rejected, two of another's assigned")

    raj = of_house(view, "raj")
    gone = frozenset(sorted(view.of(raj))[:1])
    session.says("faces/ignore", faces=numbers(view, gone))
    session.decided.say(Ignored("ignore", raj, gone))
    penny = of_house(view, "penny")
    session.says("people/hide", person=penny)
    session.decided.say(Hidden("hide", penny, view.of(penny)))
    chosen = frozenset(of_tony[-1:])
    session.says("people/cover", person="Tony", face=numbers(view, chosen)[0])
    session.decided.say(Covered("cover", tony, chosen))
    session.step("a face ignored, a person hidden, a cover chosen")


def add_faces(session: Session) -> None:
    view, daemon = session.sees(), session.daemon
    raj = of_house(view, "raj")
    scene = next(p for p in view.faces if p == "bbt/bbt1.jpg")
    with Image.open(daemon.photos / scene) as picture:
        box = Box(0, picture.height - 100, 80, picture.height)
    assert all(iou(box, sight.box) == 0 for sight, _ in view.faces[scene])
    path = os.fsencode(daemon.photos / scene)
    session.says("faces/add", path=path, person="Raj", box=box)
    added = frozenset({Sight(scene, box)})
    session.decided.say(Theirs("add", raj, added, name="Raj", mark="added"))
    other = next(p for p in view.faces if p.startswith("Kofi_Annan"))
    session.says("faces/add", path=os.fsencode(daemon.photos / other), person="Raj")
    session.decided.say(Present("add", raj, photo=other))
    session.step("a face added at a box, somebody added without one")


def kill(session: Session) -> None:
    session.daemon.kill()
    session.daemon.start()
    session.step("`kill -9` and a new start")


def cluster_anew(session: Session) -> None:
    session.daemon.recluster()
    session.step("everything clustered anew")
    session.types("recluster", "--dry-run")
    session.types("plan", "show")
    session.types("plan", "apply")
    session.step("a plan made, shown and applied")


def switch_engine(session: Session) -> None:
    daemon = session.daemon
    runs = daemon.status()["recluster"]["runs"]
    session.types("engine", "switch", "hog+tiny", "--yes")
    daemon.wait_for(lambda: daemon.status()["engine"]["name"] == "hog+tiny", 200)
    daemon.wait_for(lambda: daemon.status()["recluster"]["runs"] > runs, 60)
    session.step("another detector and another encoder")


def rewrite_metadata(session: Session) -> None:
    daemon = session.daemon
    exiftool("-r", "-Artist=Somebody", "-Keywords=holiday", daemon.photos)
    wait_until_read(daemon)
    session.step("exiftool rewrites tags of all photos")
    some = sorted(daemon.photos.glob("*.jpg"))[::2]
    for index, orientation in enumerate((3, 6)):
        exiftool(f"-Orientation#={orientation}", *some[index::2])
    wait_until_read(daemon)
    session.step("exiftool turns half of the photos")
    exiftool("-Orientation#=1", *some)  # as they stand now, no detector would find the faces
    wait_until_read(daemon)
    session.step("exiftool turns them back")


def exiftool(*arguments: str | Path) -> None:
    command = ["exiftool", "-q", "-overwrite_original", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def wait_until_read(daemon: Daemon) -> None:
    """Wait until every photo's row is of the file as it is now."""
    now = {
        bytes(path): (stat.st_size, stat.st_mtime_ns)
        for path in daemon.photos.rglob("*")
        if path.suffix in {".jpg", ".png"} and (stat := path.stat())
    }

    def is_read() -> bool:
        rows = daemon.rows("SELECT path, size, mtime_ns FROM files WHERE state = 'done'")
        return now.items() <= {path: (size, mtime) for path, size, mtime in rows}.items()

    daemon.wait_for(is_read, 120)


def lose_the_store(session: Session) -> None:
    daemon = session.daemon
    daemon.kill()
    shutil.rmtree(daemon.state)
    daemon.state.mkdir()
    daemon.start()
    daemon.wait_for(lambda: daemon.status()["recluster"]["last"] is not None, 200)
    session.step("the state folder deleted")


def go_back(session: Session) -> None:
    daemon = session.daemon
    file = daemon.home / "mine.db"
    session.types("backup", file)
    view = session.sees()
    howard = of_house(view, "howard")
    session.says("people/name", person=howard, name="Howard")
    session.decided.say(Theirs("name", howard, view.of(howard), name="Howard"))
    session.step("a backup made, then somebody named")
    assert daemon.stop() == 0
    session.types("restore", file)
    daemon.start()
    session.step("the backup restored")


def opposites(session: Session) -> list[Promise]:
    """Return what would be true if decisions did not hold."""
    view = session.sees()
    tony, raj = of_lfw(view, "Tony_Blair"), of_house(view, "raj")
    first, second = (frozenset({sight}) for sight in sorted(view.of(tony))[:2])
    elsewhere = next(photo for photo in view.faces if photo not in view.shown(tony))
    return [
        Theirs("name", tony, first, name="Anthony"),
        Theirs("assign", raj, first, name="Raj"),
        Theirs("add", tony, second, name="Tony", mark="added"),
        NotTheirs("reject", tony, first),
        Ignored("ignore", tony, first),
        Hidden("hide", tony),
        Covered("cover", tony, first),
        Present("add", tony, photo=elsewhere),
    ]
