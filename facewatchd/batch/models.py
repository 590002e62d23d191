"""``facewatchctl models`` at work."""

from __future__ import annotations

import json
import os
import re
import sys
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as SpeedColumn

from facewatchd import config
from facewatchd.batch.findings import tell
from facewatchd.doctor import examination, weights
from facewatchd.engines.listing import unreadable
from facewatchd.errors import FacewatchError
from facewatchd.models import carried, known
from facewatchd.models.convert import convert as convert_weights
from facewatchd.models.convert import is_published
from facewatchd.models.fetch import fetch as fetch_model
from facewatchd.models.folder import Folder, sha256_of
from facewatchd.models.install import check_download, install
from facewatchd.render import Field, Grid, printable, show_fields, show_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.models.folder import Listed
    from facewatchd.models.known import Convertible, Licence, Model

    P = ParamSpec("P")

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_config = click.option("--config", "path", type=click.Path(path_type=Path))
_json = click.option("--json", "as_json", is_flag=True)


def _in_words(command: Callable[P, None]) -> Callable[P, None]:
    """Let an error of ours become words and an exit code."""

    @wraps(command)
    def run(*args: P.args, **named: P.kwargs) -> None:
        try:
            command(*args, **named)
        except FacewatchError as error:
            click.echo(f"facewatchctl: {printable(error.title)}", err=True)
            click.echo(f"  {printable(error.remedy)}", err=True)
            sys.exit(error.exit_code)

    return run


@click.group()
def models() -> None:
    """List, fetch, convert and check the weights that engines use."""


@models.command("list")
@_config
@_json
@_in_words
def list_(path: Path | None, *, as_json: bool) -> None:
    """List what is there and what can be fetched."""
    folder = _folder(path)
    listed = [*folder.listed(), *carried.listed()]
    if as_json:
        click.echo(json.dumps([each._asdict() for each in listed], indent=2))
        return
    columns = ("model", "state", "size", "for", "licence", "source")
    show_grid(Grid(columns, [_row(each) for each in listed], ""))


@models.command()
@click.argument("name")
@_config
@click.option("--accept-licence", "accepted", is_flag=True)
@click.option("--from", "source")
@_in_words
def fetch(name: str, path: Path | None, source: str | None, *, accepted: bool) -> None:
    """Fetch NAME, once its licence is accepted."""
    model, folder = known.model(name), _folder(path)
    if source is not None and "://" in source and not _ADDRESS.match(source):
        raise FacewatchError(
            f"{source} is no address to fetch from: only http:// and https:// can be.",
            "Download it by other means, and name the file that came: --from FILE",
        )
    if _is_sound(model, folder):
        click.echo(f"{name} is there already: {folder.path}")
        return
    _present(model, source)
    if not accepted:
        _ask_for_acceptance(model)
    if source is None or "://" in source:
        with _shown_progress() as progress:
            task = progress.add_task(name, total=model.download.size)
            words = fetch_model(
                model,
                folder,
                source or model.address,
                lambda have, total: progress.update(task, completed=have, total=total),
            )
    else:
        words = _from_file(model, folder, Path(source))
    _say_where(model, folder)
    click.echo(printable(words))


@models.command()
@click.argument("file", type=click.Path(path_type=Path))
@_config
@_in_words
def convert(file: Path, path: Path | None) -> None:
    """Make a model of FILE, PyTorch's weights of a network that is known."""
    folder = _folder(path)
    made = convert_weights(file, folder)
    show_fields([Field("Model", f"{made.name}: {made.purpose}"), *_licence(made.licence)])
    _say_where(made, folder)
    published = f"{made.published.name} as it was published"
    if is_published(file, made):
        click.echo(f"Its weights are those of {published} (SHA-256 from {made.cited}).")
    else:
        click.echo(f"Its weights are not those of {published}: their SHA-256 is another.")


@models.command()
@_config
@_json
@_in_words
def check(path: Path | None, *, as_json: bool) -> None:
    """Look whether what is there is whole, and loads."""
    there = chain(_folder(path).weights(), carried.weights())
    sys.exit(tell(map(weights.examine, there), as_json=as_json))


def _folder(path: Path | None) -> Folder:
    """Return the model folder of the configuration; without one, that of a daemon without one."""
    file = path or config.find_config()
    if file is None:
        state = config.default_state()
        return Folder(state / "models", state)
    settings = examination.load(file)
    return Folder(settings.models, settings.state)


def _row(listed: Listed) -> tuple[str, ...]:
    size = f"{listed.size / 1e6:,.1f} MB" if listed.size else ""
    return listed.name, listed.state, size, listed.purpose, listed.licence, listed.source


def _is_sound(model: Model, folder: Folder) -> bool:
    expected = folder.expected(model)
    try:
        return folder.has(model) and all(
            sha256_of(folder.path / place) == digest for place, digest in expected.items()
        )
    except OSError as error:
        raise unreadable(Path(error.filename), error) from error


def _present(model: Model, source: str | None) -> None:
    show_fields(
        [
            Field("Model", f"{model.name}: {model.purpose}"),
            Field("Size", f"{model.download.size / 1e6:,.1f} MB"),
            Field("From", source or model.address),
            *_licence(model.licence),
        ]
    )


def _licence(licence: Licence) -> list[Field]:
    return [Field("Licence", words) for words in (licence.name, licence.words, licence.address)]


def _say_where(model: Model | Convertible, folder: Folder) -> None:
    places = ", ".join(model.places)
    click.echo(f"{model.name} is in place: {printable(places)} in {printable(str(folder.path))}.")
    if os.geteuid() == 0:
        click.echo("Only root can read it: another user's daemon could not.")


def _ask_for_acceptance(model: Model) -> None:
    if sys.stdin.isatty() and click.confirm("Do you accept this licence?"):
        return
    raise FacewatchError(
        f"The licence of {model.name} was not accepted: {model.licence.name}.",
        f"Read it at {model.licence.address} and, if you accept it, type:"
        f" facewatchctl models fetch {model.name} --accept-licence",
    )


def _from_file(model: Model, folder: Folder, file: Path) -> str:
    try:
        file.open("rb").close()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise FacewatchError(
            f"There is no file {file}." if missing else f"{file} cannot be read: {error.strerror}.",
            f"Name the file that {model.address} serves, or an address that begins with https://.",
        ) from error
    check_download(model, file)
    return install(model, folder, file)


def _shown_progress() -> Progress:
    columns = (BarColumn(), DownloadColumn(), SpeedColumn(), TimeRemainingColumn())
    console = Console()
    return Progress(
        "{task.description}", *columns, console=console, disable=not console.is_terminal
    )
