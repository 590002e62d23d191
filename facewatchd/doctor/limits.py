"""What this machine allows and can do: inotify's limits, the processor, what is installed."""

from __future__ import annotations

import ctypes
import errno
import os
import sqlite3
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd import config, machine
from facewatchd.doctor import probe
from facewatchd.doctor.finding import Finding, as_root, build_dlib, folders, pip
from facewatchd.landlock import version as landlock_version

if TYPE_CHECKING:
    from facewatchd.config import Engine
    from facewatchd.machine import Inotify, Processor
    from facewatchd.model import Setup

_ROOM = 1.25  # for folders to come
_OLDEST_SQLITE = (3, 35)  # the first with RETURNING
_SYSCTL_FILE = "/etc/sysctl.d/60-facewatchd.conf"
_UNIT_PLACES = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")


def watches(to_watch: int, share: float, limits: Inotify) -> Finding:
    """Compare the folders to watch with the share of max_user_watches that we take."""
    allowed = int(limits.watches * share)
    words = f"{folders(to_watch)} to watch, {allowed:,} of {limits.watches:,} watches to use"
    if to_watch <= allowed:
        return Finding("Watches", words)
    needed = 1 << int(to_watch * _ROOM / share).bit_length()  # the next power of two
    return Finding("Watches", f"{words} (watching.share)", _sysctl("max_user_watches", needed))


def instances(limits: Inotify) -> Finding:
    """Try to get one more inotify instance: the limit is shared by all programs of a user."""
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.inotify_init1(os.O_CLOEXEC)
    if made >= 0:
        os.close(made)
        return Finding("Inotify", f"an instance can be had, {limits.instances:,} at most")
    if ctypes.get_errno() == errno.EMFILE:
        words = f"all {limits.instances:,} instances of this user are taken"
        return Finding("Inotify", words, _sysctl("max_user_instances", 2 * limits.instances))
    words = f"no instance can be had: {os.strerror(ctypes.get_errno())}"
    return Finding("Inotify", words, "Have every root polled (roots.watch: poll).")


def engine(chosen: Engine, setup: Setup, patience: float) -> Finding:
    """Have the engine load its weights and look at a picture, in a process of its own."""
    detector = chosen.detector or config.DEFAULT_DETECTOR
    encoder = chosen.encoder or config.DEFAULT_ENCODER
    about = f"Engine {detector} + {encoder}"
    try:
        seen = probe.ask(probe.engines, detector, encoder, setup, patience=patience)
    except probe.SilentError as error:
        return Finding(about, f"a process that tries it {error}", as_root("dmesg | tail"))
    except probe.CrashError as error:
        is_dlib = detector == "hog" or encoder == "face_recognition"
        another = "Name another one (engine.detector, engine.encoder)."
        mend = build_dlib() if is_dlib else another
        return Finding(about, f"a process that tries it {error}", mend)
    if seen.title is not None:
        return Finding(about, seen.title, seen.remedy)
    return Finding(about, "loads its models and works")


def processor(own: Processor) -> Finding:
    """Name the processor's features; whether libraries run on it is tried, see `libraries`."""
    words = f"{own.architecture}, {own.cores} cores, {' '.join(own.features) or 'no extras'}"
    return Finding("Processor", words)


def versions(sqlite: tuple[int, ...] = sqlite3.sqlite_version_info) -> Finding:
    """Look whether SQLite is new enough; Python is, or this did not run."""
    named = ".".join(map(str, sqlite))
    words = f"{sys.version.split()[0]} with SQLite {named}"
    if sqlite < _OLDEST_SQLITE:
        return Finding("Python", f"{words}; 3.35 is needed", "Install a newer Python.")
    return Finding("Python", words)


def landlock() -> Finding:
    """Ask the kernel whether what opens photos can give up to write."""
    if found := landlock_version():
        return Finding("Landlock", f"version {found}: no process that opens photos can write there")
    return Finding(
        "Landlock",
        "this kernel has none: on a disk that is mounted late, modes alone keep photos as they are",
    )


def service(units: tuple[str, ...] = _UNIT_PLACES) -> Finding | None:
    """Look whether a unit of ours can say that it is ready; None where there is no unit."""
    unit = next((p for u in units if (p := Path(u) / "facewatchd.service").is_file()), None)
    if unit is None or not machine.booted_with_systemd():
        return None
    if find_spec("systemd") is not None and find_spec("systemd.daemon") is not None:
        return Finding("Service", f"{unit}; systemd-python is installed")
    return Finding(
        "Service",
        f"{unit}, but systemd-python is not installed",
        f"{as_root('apt install')} gcc pkg-config libsystemd-dev && "
        f"{pip()} install 'facewatchd[systemd]'",
    )


def _sysctl(name: str, value: int) -> str:
    setting = f"fs.inotify.{name}={value}"
    return (
        f"{as_root('sysctl -w')} {setting} && echo {setting} | {as_root('tee -a')} {_SYSCTL_FILE}"
    )
