"""Names of people, and folders that every disk and every network share takes."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.errors import DecisionError
from facewatchd.names import LONGEST_NAME, checked_name, folder_names, same_name

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # three people, drawn as one
ODD = [
    "Anna",
    "anna",
    "ANNA ",
    "Anna (2)",
    "Straße",
    "STRASSE",
    "e\N{COMBINING ACUTE ACCENT}",
    "é",
    "É",
    "Anna\u200d",
    "con",
    "CON.txt",
    "Aux .x",
    "com¹",
    "LPT9",
    "NUL" + " " * 252 + "x",
    "CON." + "y" * 300,
    "_doubtful",
    "_IGNORED",
    "?doubtful",
    "person_0001",
    "Person_0002",
    "person_12345",
    ".facewatchd",
    "..",
    "...",
    ". .",
    "/etc/passwd",
    'a\\b:c*d?e"f<g>h|i',
    "two\nlines\x00\x7f\u2028",
    "\u202etxt.exe",
    "\ud800",
    "x" * 255,
    "x" * 256,
    "ä" * 300,
    "日本" * 100,
    FAMILY * 40,
    "a" + "\N{COMBINING ACUTE ACCENT}" * 300,
    "trailing. . ",
]
names = st.sampled_from(ODD) | st.text(max_size=12) | st.text("aA .(2)_", max_size=6)
people = st.lists(
    st.tuples(st.none() | names, st.none() | st.integers(1, 12_000)),
    unique_by=lambda person: person[1] if person[1] is not None else object(),
    max_size=12,
).map(lambda some: {f"p{i}": person for i, person in enumerate(some)})
WINDOWS_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?",
    re.IGNORECASE | re.DOTALL,
)


def folder(name: str | None, number: int | None = 7) -> str:
    return folder_names({"p": (name, number)})["p"].decode()


def compared(name: bytes) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.decode()).casefold())


@given(people)
def test_every_folder_is_legal_and_no_two_are_the_same(
    people: dict[str, tuple[str | None, int | None]],
) -> None:
    folders = folder_names(people)
    for name in folders.values():
        text = name.decode()
        assert 0 < len(name) <= 255
        assert not set(text) & set('/\\:*?"<>|')
        assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in text)
        assert text[0] not in ". "
        assert text[-1] not in ". "
        assert WINDOWS_DEVICE.fullmatch(text) is None
        assert text == unicodedata.normalize("NFC", text)
    keys = [compared(name) for name in folders.values()]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {"_doubtful", "_ignored"}


@given(people)
def test_everyone_with_a_name_or_a_number_has_a_folder(
    people: dict[str, tuple[str | None, int | None]],
) -> None:
    folders = folder_names(people)
    assert folders.keys() == {p for p, said in people.items() if said != (None, None)}
    for person, (name, number) in people.items():
        if name is None and number is not None:
            assert folders[person] == b"person_%04d" % number


@given(people)
def test_folders_taken_for_names_come_to_the_same_folders(
    people: dict[str, tuple[str | None, int | None]],
) -> None:
    folders = folder_names(people)
    again = {person: (name.decode(), people[person][1]) for person, name in folders.items()}
    assert folder_names(again) == folders


@given(people, st.none() | names)
def test_whoever_comes_later_renames_nobody(
    people: dict[str, tuple[str | None, int | None]], name: str | None
) -> None:
    numbered = {p: (n, number) for p, (n, number) in people.items() if number is not None}
    before = folder_names(numbered)
    with_another = {"later": (name, 20_000), **dict(reversed(numbered.items()))}
    after = folder_names(with_another)
    assert {p: after[p] for p in numbered} == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Anna", "Anna"),
        ("Анна Ивановна", "Анна Ивановна"),
        ("李小龍", "李小龍"),
        ("e\N{COMBINING ACUTE ACCENT}", "é"),
        ("AC/DC", "AC_DC"),
        ('a\\b:c*d?e"f<g>h|i', "a_b_c_d_e_f_g_h_i"),
        ("Anna Jr.", "Anna Jr"),
        (".hidden", "hidden"),
        ("...", "_"),
        ("Con", "Con_"),
        ("aux.jpg", "aux_.jpg"),
        ("COM¹", "COM¹_"),
        ("Connie", "Connie"),
        ("_doubtful", "_doubtful (2)"),
        ("person_0007", "person_0007"),
        ("person_0008", "person_0008 (2)"),
        ("\u202eevil", "_evil"),
        ("x" * 300, "x" * 255),
        ("日" * 100, "日" * 85),
        (None, "person_0007"),
    ],
)
def test_the_folder_of_a_name(name: str | None, expected: str) -> None:
    assert folder(name) == expected


def test_of_people_with_one_name_the_lowest_number_has_the_folder_of_that_name() -> None:
    same = {"b": ("anna", 4), "a": ("Anna", 9), "c": ("ANNA", 2), "d": ("Anna", None)}
    assert folder_names(same) == {
        "c": b"ANNA",
        "b": b"anna (2)",
        "a": b"Anna (3)",
        "d": b"Anna (4)",
    }


def test_a_copy_of_a_long_name_is_cut_too() -> None:
    first, second = folder_names({"a": ("x" * 300, 1), "b": ("x" * 300, 2)}).values()
    assert (first, second) == (b"x" * 255, b"x" * 251 + b" (2)")


def test_a_long_name_is_cut_between_what_is_drawn_as_one() -> None:
    assert folder(FAMILY * 40) == FAMILY * 14  # 18 bytes each
    assert folder("x" * 254 + "q\N{COMBINING TILDE}") == "x" * 254


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        ".",
        "..",
        " .. ",
        "\u200b\u200d",
        "\u3164",
        "x" * (LONGEST_NAME + 1),
        "x" * 10_000,
        "a\x00b",
        "a\nb",
        "a\x1bb",
        "a\u2028b",
        "\u202eevil",
        "a\u2066b",
        "\udcff",
    ],
)
def test_what_is_no_name_is_refused_and_the_reason_can_be_printed(text: str) -> None:
    with pytest.raises(DecisionError) as refused:
        checked_name(text)
    assert str(refused.value).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "text", ["Anna", "Анна", "دل‌آرا", "李", FAMILY, "O'Neill", "A/B", "-rf", "x" * 200, "..."]
)
def test_a_name_stays_as_it_was_given(text: str) -> None:
    assert checked_name(f" {text}\n") == text


@given(st.text())
def test_a_name_that_was_checked_is_checked_to_itself(text: str) -> None:
    try:
        name = checked_name(text)
    except DecisionError:
        return
    assert checked_name(name) == name
    assert same_name(name, text.strip())


def test_names_are_the_same_in_other_case_and_other_form() -> None:
    assert same_name("Zoë", "ZOE\N{COMBINING DIAERESIS}")
    assert same_name("Straße", "STRASSE")
    assert not same_name("Anna", "Anne")
