"""``facewatchctl cluster`` as a user types it, and what it leaves in OUTPUT."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CTL = Path(sys.prefix) / "bin" / "facewatchctl"


@dataclass(frozen=True)
class Home:
    """A user without a configuration, with photos in a folder; ``cache`` keeps converted models."""

    path: Path
    cache: Path

    @property
    def photos(self) -> Path:
        return self.path / "photos"

    @property
    def output(self) -> Path:
        return self.path / "output"

    @property
    def environment(self) -> dict[str, str]:
        own = {"HOME": str(self.path), "XDG_CACHE_HOME": str(self.cache)}
        unset = {"FACEWATCHD_CONFIG", "XDG_STATE_HOME", "STATE_DIRECTORY"}
        return {k: v for k, v in os.environ.items() if k not in unset} | own

    def take(self, photos: Path, *names: str) -> None:
        """Copy these folders or files of ``photos`` to the user's photos."""
        for name in names:
            to = self.photos / Path(name).name
            self.photos.mkdir(exist_ok=True)
            if (photos / name).is_dir():
                shutil.copytree(photos / name, to)
            else:
                shutil.copy2(photos / name, to)

    def command(self, *arguments: object) -> list[str]:
        """Return the command, with one worker where none are asked for: each loads the engine."""
        jobs = () if "--jobs" in arguments else ("--jobs", 1)
        return [str(CTL), *map(str, ("cluster", self.photos, self.output, *arguments, *jobs))]

    def cluster(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self.run(*self.command(*arguments))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    def clustered(self, *arguments: object) -> dict[str, Any]:
        """Return the summary of a run that succeeds."""
        ended = self.cluster("--json", *arguments)
        assert ended.returncode == 0, ended.stderr
        summary: dict[str, Any] = json.loads(ended.stdout)
        return summary

    def folders(self) -> dict[str, set[str]]:
        """Return each folder in OUTPUT with the photos in it, by their path in the photos."""
        return {
            folder.name: {
                os.path.relpath(link.resolve(), self.photos)
                for link in folder.iterdir()
                if link.is_symlink()
            }
            for folder in sorted(self.output.iterdir())
            if folder.is_dir() and not folder.name.startswith(".")
        }

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.output / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def there(self) -> set[str]:
        """Return all that is in OUTPUT but its hidden folder."""
        return {
            str(path.relative_to(self.output))
            for path in self.output.rglob("*")
            if not path.is_relative_to(self.output / ".facewatchd")
        }
