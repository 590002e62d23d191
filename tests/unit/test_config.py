from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import BaseModel

from facewatchd import config
from facewatchd.config import Settings
from facewatchd.errors import ConfigError, Exit
from facewatchd.mounts import Mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
SECTIONS = {
    *("backups", "engine", "limits", "people", "recluster", "roots", "watching", "decisions"),
    *("api", "log", "output", "work"),
}
COMMENTED = REPOSITORY / "config" / "facewatchd.yaml"
FOLDERS = {"roots": [{"path": "/photos"}], "output": "/people", "state": "/state"}

# What the commented configuration cannot state as a value: it depends on machine and user.
COMPUTED = {"state", "workers"}
EXAMPLES = {"roots", "output"}


def settings(**given: object) -> Settings:
    return config.load(None, FOLDERS | given)


def complaint(**given: object) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(**given)
    return str(caught.value)


def file_with(folder: Path, text: str) -> Path:
    path = folder / "facewatchd.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every setting, as ``recluster.eps`` or ``roots.path``."""
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        yield prefix + name
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys(part, f"{prefix}{name}.")


def uncommented(text: str) -> str:
    """Return the commented configuration with its computed settings switched on."""
    return re.sub(rf"^# ({'|'.join(COMPUTED)}:)", r"\1", text, flags=re.MULTILINE)


def given_keys(content: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in content.items():
        yield prefix + name
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from given_keys(part, f"{prefix}{name}.")


class TestTheCommentedConfiguration:
    def test_is_valid_as_it_stands(self) -> None:
        loaded = config.load(COMMENTED)
        assert [root.path for root in loaded.roots] == [Path("/srv/photos")]
        assert loaded.output.path == Path("/srv/people")

    def test_names_every_setting_and_no_other(self, tmp_path: Path) -> None:
        path = file_with(tmp_path, uncommented(COMMENTED.read_text(encoding="utf-8")))
        config.load(path)
        assert sorted(given_keys(yaml.safe_load(path.read_text("utf-8")))) == sorted(keys(Settings))

    def test_states_the_defaults_of_the_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("STATE_DIRECTORY", raising=False)
        written = config.load(COMMENTED).model_dump(exclude=EXAMPLES)
        assert written == settings(state=config.default_state()).model_dump(exclude=EXAMPLES)

    def test_states_where_the_state_is_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("STATE_DIRECTORY", raising=False)
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        stated = re.search(r"^# state: (.*)$", COMMENTED.read_text(encoding="utf-8"), re.MULTILINE)
        assert stated is not None
        assert Path(stated[1]).expanduser() == config.default_state()

    def test_every_setting_has_a_row_in_the_documentation(self) -> None:
        text = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
        rows = set(re.findall(r"^\| `([a-z_.]+)` \|", text, flags=re.MULTILINE))
        assert rows == set(keys(Settings)) - SECTIONS


class TestAnErrorNamesKeyValueAndWhatIsAllowed:
    @pytest.mark.parametrize(
        ("given", "key", "value", "allowed"),
        [
            ({"similarity": 1.5}, "similarity", "1.5", "less than 1"),
            ({"similarity": 0}, "similarity", "0", "greater than 0"),
            ({"similarity": "high"}, "similarity", "'high'", "valid number"),
            ({"workers": 0}, "workers", "0", "greater than or equal to 1"),
            ({"workers": 2.5}, "workers", "2.5", "integer"),
            ({"output": "people"}, "output.path", "'people'", "must be an absolute path"),
            ({"recluster": {"eps": 2}}, "recluster.eps", "2", "less than 2"),
            ({"recluster": {"interval": "soon"}}, "recluster.interval", "'soon'", '"24h"'),
            ({"recluster": {"interval": "0s"}}, "recluster.interval", "'0s'", "greater than 0"),
            ({"limits": {"memory_mb": 100}}, "limits.memory_mb", "100", "equal to 256"),
            ({"engine": {"longest_side": 100}}, "engine.longest_side", "100", "equal to 320"),
            ({"work": {"encode": "night"}}, "work.encode", "'night'", '"22:00-06:00"'),
            ({"work": {"recluster": []}}, "work.recluster", "[]", "must be always"),
            ({"work": {"load": 1}}, "work.load", "1", "less than 1"),
            ({"work": {"at_once": -1}}, "work.at_once", "-1", "equal to 0"),
            ({"people": {"min_photos": 0}}, "people.min_photos", "0", "equal to 1"),
            ({"roots": []}, "roots", "[]", "at least 1 item"),
            ({"roots": [{"path": "photos"}]}, "roots.0.path", "'photos'", "absolute path"),
            ({"roots": [{"path": "/a", "ignore": 3}]}, "roots.0.ignore", "3", "valid tuple"),
        ],
    )
    def test_of_a_value(self, given: dict[str, Any], key: str, value: str, allowed: str) -> None:
        line = next(line for line in complaint(**given).splitlines() if f"  {key} = " in line)
        assert f"{key} = {value}: " in line
        assert allowed in line

    def test_of_a_setting_that_does_not_exist(self) -> None:
        assert "recluster.intervall: there is no such setting" in complaint(
            recluster={"intervall": 60}
        )

    def test_of_a_setting_that_is_missing(self) -> None:
        with pytest.raises(ConfigError) as caught:
            config.load(None, {"output": "/people"})
        assert "roots: is required" in str(caught.value)

    def test_and_all_errors_are_told_at_once(self) -> None:
        text = complaint(similarity=2, workers=0)
        assert "similarity = 2" in text
        assert "workers = 0" in text

    def test_and_says_where_it_stands_and_what_to_do(self, tmp_path: Path) -> None:
        path = file_with(tmp_path, "similarity: 3\n")
        with pytest.raises(ConfigError) as caught:
            config.load(path)
        assert str(path) in caught.value.title
        assert "--check-config" in caught.value.remedy
        assert caught.value.exit_code == Exit.CONFIG


class TestDurations:
    @pytest.mark.parametrize(
        ("written", "seconds"),
        [
            (30, 30),
            (0.5, 0.5),
            ("90s", 90),
            ("10m", 600),
            ("24h", 86400),
            ("7d", 604800),
            (" 1.5 h ", 5400),
        ],
    )
    def test_are_seconds_or_have_a_unit(self, written: object, seconds: float) -> None:
        assert settings(recluster={"interval": written}).recluster.interval == seconds

    @pytest.mark.parametrize("written", ["10", "1w", "-5m", "1h30m", "", "h"])
    def test_are_nothing_else(self, written: str) -> None:
        assert f"recluster.interval = {written!r}" in complaint(recluster={"interval": written})


class TestFolders:
    @pytest.mark.parametrize("inner", ["/photos", "/photos/2024", "/photos/./2024/.."])
    def test_roots_that_overlap_are_refused(self, inner: str) -> None:
        text = complaint(roots=[{"path": "/photos"}, {"path": inner}])
        assert "overlap: name only the outer one" in text

    def test_roots_with_a_common_beginning_of_their_names_do_not_overlap(self) -> None:
        loaded = settings(roots=[{"path": "/photos"}, {"path": "/photos-old"}])
        assert len(loaded.roots) == 2

    @pytest.mark.parametrize("output", ["/photos", "/", "/photos/../photos/"])
    def test_a_root_inside_the_output_is_refused(self, output: str) -> None:
        assert "root /photos lies in output" in complaint(output=output)

    def test_a_root_inside_the_state_folder_is_refused(self) -> None:
        assert "root /photos lies in state" in complaint(state="/photos")

    @pytest.mark.parametrize(
        ("section", "value"),
        [("backups", {"folder": "/photos/old"}), ("decisions", {"copies": ["/x", "/photos"]})],
    )
    def test_copies_inside_a_root_are_refused(self, section: str, value: dict[str, Any]) -> None:
        (name,) = value
        assert f"{section}.{name} /photos" in complaint(**{section: value})

    def test_copies_inside_an_output_are_allowed_wherever_that_is(self) -> None:
        loaded = settings(output="/photos/people", decisions={"copies": ["/photos/people/.said"]})
        assert loaded.journal_places[1] == Path("/photos/people/.said")

    def test_an_output_inside_a_root_is_allowed(self) -> None:
        assert settings(output="/photos/people").output.path == Path("/photos/people")

    def test_a_tilde_is_the_home_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/ann")
        assert settings(output="~/people").output.path == Path("/home/ann/people")

    def test_symlinks_are_resolved(self, tmp_path: Path) -> None:
        real = tmp_path / "disk" / "photos"
        real.mkdir(parents=True)
        (tmp_path / "disk" / "latest").symlink_to("photos")
        (tmp_path / "link").symlink_to(tmp_path / "disk")
        for written in ("link/latest", "link/latest/../photos", "link/photos/./"):
            assert settings(output=tmp_path / written).output.path == real
        assert settings(output=tmp_path / "link" / "new").output.path == tmp_path / "disk" / "new"

    def test_a_circle_of_symlinks_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        assert "too many symlinks" in complaint(output=str(tmp_path / "a"))

    @pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "autofs"])
    def test_storage_that_may_hang_is_not_touched(
        self, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        share = tmp_path / "share"
        share.mkdir()
        (share / "photos").symlink_to("2024")
        (tmp_path / "link").symlink_to("share")
        lines = ["1 0 8:1 / / rw - ext4 /dev/sda rw", f"2 1 0:9 / {share} rw - {kind} nas:/ rw"]
        mounts = Mounts("\n".join(lines).encode(), lambda _device, _source: None)
        monkeypatch.setattr("facewatchd.config.values.read_mounts", lambda: mounts)
        for written in ("share/photos", "link/photos", "share/x/../photos"):
            assert settings(output=tmp_path / written).output.path == share / "photos"
        assert settings(output=tmp_path / "link").output.path == share


class TestFiles:
    def test_one_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none\.yaml cannot be read"):
            config.load(tmp_path / "none.yaml")

    def test_an_empty_one_lacks_what_is_required(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            config.load(file_with(tmp_path, "# nothing yet\n"))
        assert "roots: is required" in caught.value.title
        assert "output: is required" in caught.value.title

    def test_one_that_is_not_yaml_is_an_error_with_its_line(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            config.load(file_with(tmp_path, "output: /people\nroots: [unclosed\n"))
        assert "is not YAML" in caught.value.title
        assert "line 2" in caught.value.title

    def test_one_that_is_not_text_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "facewatchd.yaml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError, match="cannot be read"):
            config.load(path)

    @pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "3\n"])
    def test_one_that_holds_no_settings_is_an_error(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ConfigError, match="not settings"):
            config.load(file_with(tmp_path, text))

    def test_options_go_before_the_file(self, tmp_path: Path) -> None:
        text = "roots: [{path: /photos}]\noutput: /people\nworkers: 2\n"
        path = file_with(tmp_path, text)
        assert config.load(path).workers == 2
        assert config.load(path, {"workers": 3}).workers == 3


class TestTheEnvironment:
    def test_names_the_configuration(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        path = file_with(tmp_path, "")
        monkeypatch.setenv("FACEWATCHD_CONFIG", str(path))
        assert config.find_config() == path

    def test_may_name_one_in_the_home_folder(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("FACEWATCHD_CONFIG", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        folder = tmp_path / ".config" / "facewatchd"
        folder.mkdir(parents=True)
        path = file_with(folder, "")
        assert config.find_config() == path

    def test_says_where_the_state_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/ann")
        monkeypatch.delenv("STATE_DIRECTORY", raising=False)
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        assert config.default_state() == Path("/home/ann/.local/state/facewatchd")
        monkeypatch.setenv("XDG_STATE_HOME", "/home/ann/state")
        assert config.default_state() == Path("/home/ann/state/facewatchd")
        monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/facewatchd")
        assert config.default_state() == Path("/var/lib/facewatchd")

    def test_the_socket_lies_in_the_state_folder_unless_it_is_named(self) -> None:
        assert settings().socket_path == Path("/state/api.sock")
        assert settings(socket="/run/fw.sock").socket_path == Path("/run/fw.sock")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings().similarity = 0.5


class TestTheOutput:
    def test_may_be_a_plain_path(self) -> None:
        assert settings(output="/srv/people") == settings(output={"path": "/srv/people"})

    def test_states_its_defaults_in_the_commented_configuration(self) -> None:
        written = config.load(COMMENTED).output
        assert written == settings(output="/srv/people").output

    def test_has_another_path_by_the_command_line_and_keeps_the_rest(self, tmp_path: Path) -> None:
        text = "roots: [{path: /photos}]\noutput: {path: /people, link: copy}\n"
        loaded = config.load(file_with(tmp_path, text), {"output": "/elsewhere"})
        assert (loaded.output.path, loaded.output.link) == (Path("/elsewhere"), "copy")

    @pytest.mark.parametrize(
        ("setting", "value", "told"),
        [
            ("link", "soft", "'symlink', 'reflink'"),
            ("for", "nfs", "'any' or 'smb'"),
            ("layout", "{year}/{person}", 'or begin with "{person}/"'),
            ("layout", "{person}/{name}", "{name} is no placeholder: here are {year}"),
            ("layout", "{person}/../{year}", "called . or .."),
            ("layout", "{person}//{year}", "empty folder"),
            ("name", "{nmae}", "{nmae} is no placeholder"),
            ("name", "{date}", "must hold {name} or {stem}"),
            ("name", "{name}_{date}", "must end with {name}"),
            ("name", "{stem}/{name}", 'folders stand in "layout"'),
            ("name", "{name", "brace that belongs to no placeholder"),
            ("markers", [".nothing"], "'.nomedia' or '.ppignore'"),
            ("group", "no-such-group", "no such group on this machine"),
            ("mode", 2750, "string"),
            ("mode", "0577", "all rights for the owner"),
            ("link_map", {"/photos": "volume1"}, "must be absolute paths"),
        ],
    )
    def test_tells_what_is_wrong(self, setting: str, value: object, told: str) -> None:
        text = complaint(output={"path": "/people", setting: value})
        assert f"output.{setting}" in text
        assert told in text
