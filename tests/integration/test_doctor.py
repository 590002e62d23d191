"""facewatchctl doctor on real folders, permissions, mounts and engines."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd import __version__
from facewatchd.doctor import examination, libraries
from facewatchd.doctor.finding import as_root
from facewatchd.errors import Exit
from facewatchd.machine import Processor
from tests.support.bound import bound
from tests.support.mounts import Mounts, needs_root
from tests.support.scripted import Scripted, served

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGINS = Path(__file__).parents[1] / "plugins"
NOBODY = 65534
GAMES = pwd.getpwnam("games").pw_uid
AUDIO = grp.getgrnam("audio").gr_gid

# Prints what is found of the folders alone: the engine takes its time to load.
STORAGE = """
import json, sys
from pathlib import Path
from facewatchd import __version__
from facewatchd.doctor import entrance, examination, storage
from facewatchd.mounts import read_mounts
PATIENCE = float(sys.argv[2])
settings, configuration = examination.settings_of(Path(sys.argv[1]))
mounts = read_mounts()
sight, user = examination.sight_for(settings, None)
roots = [storage.root(each, settings, mounts, PATIENCE, sight) for each in settings.roots]
found = [configuration, user, *(root.finding for root in roots)]
found.append(storage.output(settings, PATIENCE, sight))
found += storage.state(settings, mounts, PATIENCE, sight)
found.append(storage.cache(settings, PATIENCE, sight))
found += storage.further(settings, PATIENCE, sight)
found += entrance.groups(settings, sight, None)
found.append(entrance.socket(settings, PATIENCE))
print(json.dumps([[f._asdict() for f in found], sum(root.to_watch for root in roots)]))
"""

Finding = dict[str, Any]
Findings = dict[str, Finding]


class Home:
    """Folders of a user, and the configuration that names them."""

    def __init__(self, folder: Path) -> None:
        self.photos, self.people, self.state = (folder / n for n in ("photos", "people", "state"))
        self.config = folder / "facewatchd.yaml"
        for made in (self.photos, self.people, self.state):
            made.mkdir()
        self.configure()

    def configure(self, **settings: object) -> None:
        own = {
            "roots": [{"path": str(self.photos)}],
            "output": str(self.people),
            "state": str(self.state),
        }
        self.config.write_text(json.dumps(own | settings))  # JSON is YAML

    def command(self, *arguments: str) -> list[str]:
        module = [sys.executable, "-m", "facewatchd.cli", "doctor"]
        return [*module, "--config", str(self.config), *arguments]

    def findings(self) -> Findings:
        """Return what doctor finds, by the first word of what it is about."""
        ended = run(self.command("--json"))
        found = json.loads(ended.stdout)
        assert ended.stderr == ""
        wrong = any(finding["mend"] for finding in found)
        assert ended.returncode == (Exit.FAILED if wrong else Exit.OK)
        return by_word(found)

    def folders(self, *launcher: str, patience: float = 30) -> tuple[list[dict[str, Any]], int]:
        """Return what is found of the folders, and how many of them are to be watched."""
        command = [sys.executable, "-c", STORAGE, str(self.config), str(patience)]
        ended = run([*launcher, *command])
        assert ended.stderr == ""
        found, to_watch = json.loads(ended.stdout)
        return found, to_watch

    def storage(self, *launcher: str) -> Findings:
        """Return what is found of the folders, by the first word of what it is about."""
        return by_word(self.folders(*launcher)[0])


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def by_word(found: list[dict[str, Any]]) -> Findings:
    return {finding["about"].split()[0]: finding for finding in found}


def wrong(findings: Findings) -> set[str]:
    return {about for about, finding in findings.items() if finding["mend"]}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    needs_root()
    made = Mounts(tmp_path)
    yield made
    made.close()


def test_where_all_is_well_each_check_is_a_line_and_the_exit_code_is_0(home: Home) -> None:
    (home.photos / "2024" / "may").mkdir(parents=True)
    (home.photos / "@eaDir" / "thumbs").mkdir(parents=True)  # never watched
    ended = run(home.command())
    assert (ended.returncode, ended.stderr) == (Exit.OK, "")
    lines = ended.stdout.splitlines()
    assert lines[-1] == "All is well."
    assert all(line.startswith("ok     ") for line in lines[:-1])
    assert f"Root {home.photos}: can be read, 3 folders; changes come as events" in ended.stdout
    assert "loads its models and works" in ended.stdout
    assert list(home.people.iterdir()) == []
    assert list(home.state.iterdir()) == []


def test_a_root_that_is_not_there_is_wrong_with_what_to_type(home: Home) -> None:
    home.photos.rmdir()
    ended = run(home.command())
    assert ended.returncode == Exit.FAILED
    place = re.escape(str(home.photos))
    assert re.search(
        rf"^WRONG  Root {place}: is not there\n {{7}}.*mkdir -p {place}$",
        ended.stdout,
        re.MULTILINE,
    )
    assert "1 of " in ended.stdout.splitlines()[-1]


def test_a_root_that_may_not_be_read_is_wrong(home: Home) -> None:
    home.photos.chmod(0)
    findings = home.storage(*bound())
    assert wrong(findings) == {"Root"}
    assert "may not be read by" in findings["Root"]["words"]
    assert f"rX {home.photos}" in findings["Root"]["mend"]


def test_a_closed_folder_in_a_root_is_named(home: Home) -> None:
    (home.photos / "closed").mkdir(mode=0)
    findings = home.storage(*bound())
    assert wrong(findings) == {"Root"}
    assert f"1 folder in it cannot be listed, {home.photos}/closed" in findings["Root"]["words"]


def test_an_output_that_may_not_be_written_or_made_is_wrong(home: Home) -> None:
    home.people.chmod(0o555)
    findings = home.storage(*bound())
    assert wrong(findings) == {"Output"}
    assert "may not be written by" in findings["Output"]["words"]
    home.configure(output=str(home.people / "below" / "further"))
    findings = home.storage(*bound())
    assert f"may not make it in {home.people}" in findings["Output"]["words"]
    assert "install -d -o " in findings["Output"]["mend"]


def test_a_cache_that_may_not_be_written_or_made_is_wrong_and_none_is_made(home: Home) -> None:
    cache = home.state / "cache"
    home.configure(engine={"cache": str(cache)})
    findings = home.storage(*bound())
    assert (wrong(findings), findings["Cache"]["words"]) == (
        set(),
        "is not there yet and can be made",
    )
    assert not cache.exists()
    cache.mkdir()
    assert home.storage(*bound())["Cache"]["words"] == "can be written"
    cache.chmod(0o555)
    findings = home.storage(*bound())
    assert wrong(findings) == {"Cache"}
    assert "may not be written by" in findings["Cache"]["words"]
    assert f" {cache}" in findings["Cache"]["mend"]


def test_a_file_in_the_place_of_the_output_is_wrong(home: Home) -> None:
    home.people.rmdir()
    home.people.touch()
    findings = home.storage()
    assert (wrong(findings), findings["Output"]["words"]) == (
        {"Output"},
        f"{home.people} is no folder",
    )


def test_folders_that_are_not_there_yet_are_not_made(home: Home) -> None:
    home.people.rmdir()
    home.state.rmdir()
    findings = home.storage()
    assert wrong(findings) == set()
    assert findings["Output"]["words"] == "is not there yet and can be made"
    assert not home.people.exists()
    assert not home.state.exists()


class TestAsTheDaemonsUser:
    """The state folder is another user's: root looks at everything as that one."""

    @pytest.fixture
    def theirs(self) -> Iterator[Home]:
        needs_root()
        folder = Path(tempfile.mkdtemp())  # those of pytest are closed to others
        folder.chmod(0o755)
        made = Home(folder)
        made.configure(**self.own_cache(made))
        for ours in (made.state, made.people):
            os.chown(ours, GAMES, GAMES)
        yield made
        shutil.rmtree(folder)

    @staticmethod
    def own_cache(home: Home) -> dict[str, Any]:
        return {"engine": {"cache": str(home.state / "cache")}}

    @staticmethod
    def mended(theirs: Home, what: str) -> Finding:
        """Type what doctor prints for the one thing that is wrong; return what was found."""
        findings = theirs.storage()
        assert wrong(findings) == {what}
        subprocess.run(["bash", "-ec", findings[what]["mend"]], check=True)
        assert wrong(theirs.storage()) == set()
        return findings[what]

    def test_all_is_well(self, theirs: Home) -> None:
        findings = theirs.storage()
        assert wrong(findings) == set()
        assert findings["User"]["words"] == "the folders were looked at as games sees them"

    def test_a_closed_folder_above_is_mended_by_what_is_printed(self, theirs: Home) -> None:
        above = theirs.photos.parent / "above"
        (above / "photos").mkdir(parents=True)
        above.chmod(0o700)
        theirs.configure(roots=[{"path": str(above / "photos")}], **self.own_cache(theirs))
        found = self.mended(theirs, "Root")
        assert found["words"] == f"{above} is closed to games, who has to pass through"
        assert found["mend"] == as_root(f"setfacl -m u:games:x {above}")

    def test_a_closed_root_is_mended_and_so_is_what_comes_into_it(self, theirs: Home) -> None:
        (theirs.photos / "2024").mkdir()
        theirs.photos.chmod(0o700)
        assert self.mended(theirs, "Root")["words"] == "may not be read by games"
        before, new = os.umask(0o027), theirs.photos / "2024" / "new.jpg"
        new.write_text("new")
        os.umask(before)
        read = ["setpriv", "--reuid=games", "--clear-groups", "cat", str(new)]
        assert run(read).stdout == "new"

    def test_a_closed_photo_is_found_and_mended(self, theirs: Home) -> None:
        (theirs.photos / "2024").mkdir()
        (theirs.photos / "2024" / "1.jpg").touch(0o600)
        words = self.mended(theirs, "Root")["words"]
        assert f"some photos in it cannot be read, {theirs.photos}/2024/1.jpg for one" in words

    def test_an_acl_that_new_photos_do_not_get_is_found_and_mended(self, theirs: Home) -> None:
        theirs.photos.chmod(0o700)
        subprocess.run(["setfacl", "-R", "-m", "u:games:rX", theirs.photos], check=True)
        words = self.mended(theirs, "Root")["words"]
        assert f"new photos in {theirs.photos} will be closed to games: no default ACL" in words

    def test_an_output_of_somebody_else_is_mended(self, theirs: Home) -> None:
        os.chown(theirs.people, 0, 0)
        assert self.mended(theirs, "Output")["words"] == "may not be written by games"

    def test_folders_for_copies_and_backups_are_looked_at(self, theirs: Home) -> None:
        closed, copies = theirs.photos.parent / "backups", theirs.state / "copies"
        closed.mkdir()
        folders = {"backups": {"folder": str(closed)}, "decisions": {"copies": [str(copies)]}}
        theirs.configure(**folders, **self.own_cache(theirs))
        assert theirs.storage()["Decisions"]["words"] == "is not there yet and can be made"
        assert self.mended(theirs, "Backups")["words"] == "may not be written by games"

    def test_a_disk_without_acls_and_the_group_that_may_read_it(
        self, theirs: Home, mounts: Mounts
    ) -> None:
        mounts.mount(theirs.photos, "-t", "ramfs", "-o", "mode=750", "without")
        os.chown(theirs.photos, 0, AUDIO)
        assert theirs.storage()["Root"]["mend"] == as_root("usermod -aG audio games")
        os.chown(theirs.photos, 0, 0)
        assert "in /etc/fstab" in theirs.storage()["Root"]["mend"]

    def test_a_group_that_it_is_not_in_and_a_socket_where_the_group_cannot_get(
        self, theirs: Home
    ) -> None:
        theirs.state.chmod(0o700)
        theirs.configure(api={"group": "audio"}, **self.own_cache(theirs))
        findings = theirs.storage()
        assert wrong(findings) == {"Group", "Socket"}
        assert findings["Group"]["mend"] == as_root("usermod -aG audio games")
        words = f"the group audio (api.group) does not get through {theirs.state}"
        assert findings["Socket"]["words"] == words

    def test_somebody_else_is_told_to_ask_root(
        self, theirs: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings, _ = examination.settings_of(theirs.config)
        assert settings is not None
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
        sight, found = examination.sight_for(settings, None)
        assert sight is None
        assert "the daemon runs as games; " in found.words
        assert found.mend == "sudo facewatchctl doctor"


def test_too_little_room_for_the_state_is_wrong(home: Home) -> None:
    home.configure(limits={"free_mb": 1e9})
    found = [f for f in home.folders()[0] if f["about"].startswith("State") and f["mend"]]
    assert len(found) == 1
    assert "1e+09 are needed (limits.free_mb)" in found[0]["words"]


def test_a_full_output_is_wrong_and_nothing_is_left_in_it(home: Home, mounts: Mounts) -> None:
    mounts.mount(home.people, "-t", "tmpfs", "-o", "nr_inodes=2", "full")
    findings = home.storage()
    assert wrong(findings) == {"Output"}
    assert findings["Output"]["words"] == "no link fits into it: No space left on device"
    assert list(home.people.iterdir()) == []


def test_a_fuse_root_is_polled_and_a_fuse_state_folder_is_refused(
    home: Home, mounts: Mounts, tmp_path: Path
) -> None:
    mounts.fuse(tmp_path / "real photos", home.photos)
    mounts.fuse(tmp_path / "real state", home.state)
    found, to_watch = home.folders()
    findings = by_word(found)
    assert wrong(findings) == {"State"}
    words = "can be read, 1 folder; it is listed again and again (fuse.bindfs)"
    assert findings["Root"]["words"] == words
    assert to_watch == 0
    assert "FUSE" in findings["State"]["words"]


@pytest.mark.parametrize("wish", ["poll", "events"])
def test_a_wish_of_the_settings_goes_before_the_file_system(home: Home, wish: str) -> None:
    home.configure(roots=[{"path": str(home.photos), "watch": wish}])
    found, to_watch = home.folders()
    assert "(roots.watch)" in by_word(found)["Root"]["words"]
    assert to_watch == {"poll": 0, "events": 1}[wish]


def test_storage_that_hangs_is_named_and_hangs_nobody(
    home: Home, mounts: Mounts, tmp_path: Path
) -> None:
    share = tmp_path / "share"
    program = mounts.fuse(tmp_path / "real", share)
    home.configure(roots=[{"path": str(home.photos)}, {"path": str(share)}])
    program.suspend()
    began = time.monotonic()
    while True:  # until the kernel forgets what it knows of the share
        found, _ = home.folders(patience=5)
        roots = [finding for finding in found if finding["about"].startswith("Root")]
        if roots[1]["mend"]:
            break
        assert time.monotonic() - began < 30
    assert roots[0]["mend"] is None
    assert "does not answer within 5 s" in roots[1]["words"]
    assert roots[1]["mend"] == as_root(f"umount -l {share}")
    assert wrong(by_word(found)) == {"Root"}
    assert time.monotonic() - began < 60


def test_an_engine_that_crashes_or_lacks_its_weights_is_a_finding(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))
    home.configure(engine={"detector": "dies-at-start"})
    findings = home.findings()
    assert wrong(findings) == {"Engine"}
    assert findings["Engine"]["words"] == "a process that tries it crashed (SIGILL)"
    assert findings["Engine"]["mend"] == "Name another one (engine.detector, engine.encoder)."
    home.configure(engine={"detector": "refuses"})
    finding = home.findings()["Engine"]
    assert (finding["words"], finding["mend"]) == ("The weights are missing.", "Install them.")


def stub(folder: Path, name: str, code: str) -> None:
    """Put a module in the place of a library, for processes whose PYTHONPATH is ``folder``."""
    (folder / f"{name}.py").write_text(code)


def about(home: Home, *names: str) -> dict[str, dict[str, Any]]:
    """Return what doctor finds of these, by all that it is about."""
    ended = run(home.command("--json"))
    return {found["about"]: found for found in json.loads(ended.stdout) if found["about"] in names}


def test_each_native_library_is_tried_and_runs_here(home: Home) -> None:
    names = [f"Library {name}" for name in libraries.LIBRARIES if find_spec(name) is not None]
    assert {"Library numpy", "Library onnxruntime", "Library pillow_heif"} <= set(names)
    found = about(home, *names)
    assert {name: (f["words"], f["mend"]) for name, f in found.items()} == dict.fromkeys(
        names, ("runs on this processor", None)
    )


def test_a_library_for_another_processor_is_named_with_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stub(tmp_path, "dlib", "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    stub(tmp_path, "cv2", "raise ImportError('libGL.so.1: cannot open shared object file')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = about(home, "Library dlib", "Library cv2", "Library numpy")
    dies = found["Library dlib"]
    assert dies["words"].startswith("has instructions that this processor does not know")
    assert "the default engine, which needs neither it nor AVX" in dies["mend"]
    assert "libGL.so.1" in found["Library cv2"]["words"]
    assert "--force-reinstall --no-deps opencv-python-headless" in found["Library cv2"]["mend"]
    assert found["Library numpy"]["mend"] is None


def test_the_processors_missing_features_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stub(tmp_path, "dlib", "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(libraries, "LIBRARIES", ("dlib",))
    celeron = Processor("x86_64", ("sse4_2",), 4)
    (finding,) = libraries.libraries(celeron, 30)
    assert finding.words.endswith("does not know: it has no AVX, AVX2, FMA")


def test_the_hardware_that_can_be_used_is_told(home: Home) -> None:
    assert about(home, "Hardware")["Hardware"] == {
        "about": "Hardware",
        "words": "ONNX Runtime can use cpu here; cpu is used (engine.hardware: cpu)",
        "mend": None,
    }


@pytest.mark.parametrize(
    ("wish", "build"), [("cuda", "onnxruntime-gpu"), ("openvino", "onnxruntime-openvino")]
)
def test_hardware_that_is_not_there_names_the_package_that_brings_it(
    home: Home, wish: str, build: str
) -> None:
    home.configure(engine={"hardware": wish})
    found = about(home, "Hardware")["Hardware"]
    assert found["words"] == f"ONNX Runtime can use cpu here, not {wish} (engine.hardware)"
    assert found["mend"].endswith(f"install {build}   (or set engine.hardware to cpu)")


def test_an_invalid_configuration_is_said_in_one_line(home: Home) -> None:
    home.configure(workers=0, dance=1)
    ended = run(home.command())
    assert ended.returncode == Exit.FAILED
    first = ended.stdout.splitlines()[0]
    assert first.startswith("WRONG  Configuration: ")
    assert "workers = 0" in first
    assert "dance: there is no such setting" in first


def test_the_service_keeps_its_state_where_systemd_says(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home.config.write_text(json.dumps({"roots": [{"path": str(home.photos)}], "output": "/o"}))
    monkeypatch.setattr(examination, "_SERVICES_CONFIG", tmp_path)
    read, finding = examination.settings_of(home.config)
    assert finding.mend is None
    assert read is not None
    assert read.state == Path("/var/lib/facewatchd")
    assert read.socket_path == Path("/run/facewatchd/api.sock")
    assert read.engine.cache == Path("/var/cache/facewatchd")
    home.configure()
    again, _ = examination.settings_of(home.config)
    assert again is not None
    assert again.state == home.state


def test_a_daemon_that_runs_is_told_and_is_not_wrong(home: Home) -> None:
    with served(Scripted(), home.state / "api.sock"):
        findings = home.findings()
    assert findings["Daemon"]["words"] == f"version {__version__} answers: it is idle"
    assert wrong(findings) == set()
