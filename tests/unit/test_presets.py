"""Presets: those that are shipped, and what is said of one that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from facewatchd import checked, config, plugins
from facewatchd.batch.cluster import preset
from facewatchd.errors import ConfigError
from facewatchd.pipeline.engine import configured

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = [
    "dsfd-chinese-whispers",
    "face-recognition-dbscan",
    "facenet-hdbscan",
    "facewatchd",
    "hog-cnn-montage",
    "insightface-kmeans",
]
WHOLE = {"engine", "recluster", "limits", "similarity", "workers"}


def load(folder: Path, text: str) -> preset.Preset:
    file = folder / "mine.yaml"
    file.write_text(text)
    return preset.load(str(file))


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        load(folder, text)
    assert "docs/cluster.md" in raised.value.remedy
    return raised.value.title


def test_the_presets_are_those_in_the_folder_that_users_see() -> None:
    there = {path.stem: path.read_text() for path in (REPOSITORY / "config/presets").iterdir()}
    assert {name: file.read_text() for name, file in preset.shipped().items()} == there
    assert sorted(there) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_settings_of_the_daemon(name: str, tmp_path: Path) -> None:
    found = preset.load(name)
    assert found.name == name
    assert found.about
    assert found.outputs
    assert found.settings.keys() <= WHOLE
    file = tmp_path / "facewatchd.yaml"
    folders = {"roots": [{"path": str(tmp_path / "photos")}], "output": str(tmp_path / "people")}
    file.write_text(yaml.safe_dump(found.settings | folders))
    settings = config.load(file)
    assert settings.model_dump(include=set(found.settings), exclude_unset=True) == found.settings
    checked.clusterer(settings.recluster.clusterer, settings.recluster.options)
    engine = settings.engine
    assert engine.detector is not None
    assert engine.encoder is not None
    finds, encodes = plugins.detector(engine.detector), plugins.encoder(engine.encoder)
    plugins.check_together(finds, encodes)


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("facewatchd", "mtcnn+dlib"),
        ("face-recognition-dbscan", "hog+dlib"),
        ("hog-cnn-montage", "cnn+dlib"),
    ],
)
def test_the_engines_of_presets_whose_weights_are_installed_are_there(
    name: str, engine: str, tmp_path: Path
) -> None:
    folders = {"roots": [{"path": str(tmp_path / "in")}], "output": str(tmp_path / "out")}
    settings = config.load(None, preset.load(name).settings | folders)
    assert configured(settings).name == engine


def test_a_preset_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "names: who_{}\nrecluster: {eps: 0.3}\noutputs:\n- faces.csv\n- folders: {nobody: rest}\n",
    )
    assert (found.name, found.names) == ("mine", "who_{}")
    assert found.settings == {"recluster": {"eps": 0.3}}
    assert found.outputs == (("faces.csv", {}), ("folders", {"nobody": "rest"}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("about: x\nclusterer: kmeans\n", r"line 2, clusterer: there is no such setting"),
        (
            "recluster:\n  clusterer: kmeans\n  optoins: {clusters: 3}\n",
            r"line 3, recluster\.optoins: there is no such setting",
        ),
        ("engine:\n\n  min_quality: 2\n", r"line 3, engine\.min_quality: 2: Input should be less"),
        ("outputs:\n  - faces.csv\n  - faces.cvs\n", r"line 3, outputs\.1: There is no report"),
        ("outputs:\n  - montages: {colums: 3}\n", r"line 2, outputs\.0: .* no option 'colums'"),
        ("outputs:\n  - folders: {nobody: a/b}\n", r"line 2, outputs\.0: nobody must be the name"),
        ("outputs:\n  - folders: {cover: true}\n", r"line 2, outputs\.0: folders has no option"),
        ("outputs:\n  - [faces.csv]\n", r"line 2, outputs\.0: must be the name of an output"),
        ("names: cluster\n", r"line 1, names: must be a name with \{\} where the number stands"),
        ('names: "../{}"\n', r"line 1, names: must be a name with \{\}"),
        ("roots: [{path: /photos}]\n", r"line 1, roots: there is no such setting"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    assert re.search(said, complaint(tmp_path, text)), complaint(tmp_path, text)


@pytest.mark.parametrize("text", ["- a\n- b\n", "", "a: [\n", "{a: 1}: 2\n"])
def test_what_holds_no_settings_is_refused(tmp_path: Path, text: str) -> None:
    assert "mine.yaml" in complaint(tmp_path, text)


def test_a_missing_preset_names_those_that_there_are() -> None:
    with pytest.raises(ConfigError) as raised:
        preset.load("insightface")
    assert raised.value.title == "There is no preset and no file 'insightface'."
    assert all(name in raised.value.remedy for name in NAMES)
