"""What doctor says of limits, processors and errors, and what it has one type."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd import machine
from facewatchd.config import Engine, Settings
from facewatchd.doctor import entrance, limits, mending, probe, storage
from facewatchd.doctor.finding import HardwareSeen, as_root
from facewatchd.doctor.hardware import hardware
from facewatchd.machine import Inotify, processor

SUDO = "" if os.geteuid() == 0 else "sudo "
NO_AVX = """\
processor\t: 0
model name\t: Intel(R) Celeron(R) J4125
flags\t\t: fpu sse sse2 ssse3 sse4_1 sse4_2 popcnt
bugs\t\t: avx
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 asimddp\n"


def test_enough_watches_are_enough() -> None:
    found = limits.watches(500, 0.5, Inotify(1000, 128, 16384))
    assert found.mend is None
    assert found.words == "500 folders to watch, 500 of 1,000 watches to use"


def test_too_few_watches_name_the_sysctl_with_its_value_for_now_and_for_the_next_boot() -> None:
    found = limits.watches(501, 0.5, Inotify(1000, 128, 16384))
    assert found.mend == (
        f"{SUDO}sysctl -w fs.inotify.max_user_watches=2048 && "
        "echo fs.inotify.max_user_watches=2048 | "
        f"{SUDO}tee -a /etc/sysctl.d/60-facewatchd.conf"
    )


@given(
    to_watch=st.integers(0, 10**7),
    share=st.floats(0.01, 1),
    watches=st.integers(1, 10**7),
)
def test_what_is_typed_is_enough_for_all_folders(to_watch: int, share: float, watches: int) -> None:
    found = limits.watches(to_watch, share, Inotify(watches, 128, 16384))
    if found.mend is not None:
        value = int(found.mend.split("=")[1].split()[0])
        assert value > watches
        assert limits.watches(to_watch, share, Inotify(value, 128, 16384)).mend is None


@pytest.mark.parametrize(("cpuinfo", "features"), [(NO_AVX, "sse4_2"), (ARM, "asimd asimddp")])
def test_the_processors_features_are_told(cpuinfo: str, features: str) -> None:
    found = limits.processor(processor(cpuinfo)._replace(architecture="any", cores=4))
    assert found == ("Processor", f"any, 4 cores, {features}", None)


@pytest.mark.parametrize(
    ("wish", "seen", "words", "is_wrong"),
    [
        ("auto", HardwareSeen(("cpu", "cuda"), "cuda"), "cuda is used", False),
        ("cuda", HardwareSeen(("cpu", "cuda"), "cuda"), "cuda is used", False),
        (
            "cuda",
            HardwareSeen(("cpu", "cuda"), "cpu"),
            "cuda (engine.hardware) does not start",
            True,
        ),
        (
            "cuda",
            HardwareSeen(("cpu", "cuda"), title="No."),
            "can use cpu and cuda here, but: No.",
            True,
        ),
        ("coreml", HardwareSeen(("cpu",)), "can use cpu here, not coreml", True),
    ],
)
def test_what_computes_is_compared_with_what_is_set(
    monkeypatch: pytest.MonkeyPatch, wish: str, seen: HardwareSeen, words: str, *, is_wrong: bool
) -> None:
    monkeypatch.setattr(probe, "ask", lambda *_, **__: seen)
    found = hardware(Engine.model_validate({"hardware": wish}), 1)
    assert words in found.words
    assert (found.mend is not None) == is_wrong


def test_an_old_sqlite_is_wrong_and_a_new_one_is_not() -> None:
    assert limits.versions((3, 34, 1)).mend is not None
    assert limits.versions((3, 45, 0)).words.endswith("with SQLite 3.45.0")
    assert limits.versions().mend is None


def test_without_a_unit_nothing_is_said_of_the_service() -> None:
    assert limits.service(units=()) is None


def test_a_unit_without_systemd_python_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "facewatchd.service").touch()
    monkeypatch.setattr(machine, "booted_with_systemd", lambda: True)
    monkeypatch.setattr(limits, "find_spec", lambda _: None)
    found = limits.service(units=(str(tmp_path),))
    assert found is not None
    assert found.mend is not None
    assert "pip install 'facewatchd[systemd]'" in found.mend
    monkeypatch.setattr(limits, "find_spec", lambda name: name)
    found = limits.service(units=(str(tmp_path),))
    assert found is not None
    assert found.mend is None


@pytest.mark.parametrize(
    ("error", "words", "mend"),
    [
        (FileNotFoundError(errno.ENOENT, "gone"), "is not there", "mkdir -p '/my photos'"),
        (NotADirectoryError(errno.ENOTDIR, "no"), "is no folder", "Name a folder (roots.path)."),
        (OSError(errno.EIO, "Input/output error"), "cannot be read: Input/output error", "dmesg"),
    ],
)
def test_why_a_root_cannot_be_listed_has_its_own_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: OSError, words: str, mend: str
) -> None:
    monkeypatch.setattr(storage, "_FSTAB", tmp_path / "none")
    said, typed = storage._not_listed(b"/my photos", error)
    assert said == words
    assert mend in typed


def test_a_missing_disk_that_fstab_names_is_to_be_mounted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fstab = tmp_path / "fstab"
    monkeypatch.setattr(storage, "_FSTAB", fstab)
    fstab.write_text(
        "# /dev/x /mnt/photos ext4\n"
        "UUID=1 / ext4 defaults 0 1\n\n"
        "nas:/p /mnt/my\\040photos nfs4 _netdev 0 0\n"
    )
    gone = FileNotFoundError(errno.ENOENT, "gone")
    words, typed = storage._not_listed(b"/mnt/my photos/2024", gone)
    assert words == "is not there; its disk is not mounted"
    assert typed == f"{SUDO}mount '/mnt/my photos'"
    assert storage._not_listed(b"/mnt/my photosession", gone)[0] == "is not there"


def test_why_no_link_can_be_made_tells_a_full_disk_from_one_without_links() -> None:
    full = storage._no_link(Path("/people"), OSError(errno.ENOSPC, "No space left on device"))
    assert full == ("no link fits into it: No space left on device", "df -hi /people")
    vfat = storage._no_link(Path("/people"), OSError(errno.EPERM, "Operation not permitted"))
    assert vfat[0] == "its file system holds no symbolic links: Operation not permitted"


def test_the_longest_socket_path_is_taken_and_a_longer_one_is_not() -> None:
    def with_socket(length: int) -> Settings:
        path = "/" + "s" * (length - 1)
        return Settings.model_validate({"roots": [{"path": "/p"}], "output": "/o", "socket": path})

    assert entrance.socket(with_socket(107), 1).mend is None
    found = entrance.socket(with_socket(108), 1)
    assert "108 bytes" in found.words
    assert found.mend is not None


def test_hanging_storage_is_given_up_but_never_the_systems_own_disk() -> None:
    assert storage._let_go(b"/mnt/my nas") == as_root("umount -l '/mnt/my nas'")
    assert storage._let_go(b"/") == as_root("dmesg | tail")


names = st.binary(min_size=1, max_size=30).map(lambda name: b"/" + name.replace(b"\0", b""))


@settings(max_examples=25)
@given(st.lists(names, min_size=1, max_size=20))
def test_any_path_is_typed_as_one_printable_word_of_the_shell(paths: list[bytes]) -> None:
    typed = [mending.typed(path) for path in paths]
    assert all(word.isprintable() for word in typed)
    echo = f"printf '%s\\0' {' '.join(typed)}"
    said = subprocess.run(["bash", "-c", echo], capture_output=True, check=True).stdout
    assert said.split(b"\0")[:-1] == paths
