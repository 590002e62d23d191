"""What the daemon asks its user, and what it is asked about the threshold: routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.api.query import ApiRoute, File
from facewatchd.api.shapes import CALIBRATION, INT, LIMIT, QUESTIONS, SUGGESTED, SUGGESTION, list_of
from facewatchd.errors import ApiError
from facewatchd.model import PictureForm

if TYPE_CHECKING:
    from facewatchd.api.query import Control, Query
    from facewatchd.api.shapes import Schema

_SIDE = 512
_SIDES = range(8, 2049)
_PICTURE: Schema = {"type": "string", "contentMediaType": "image/*"}
_MEDIA_TYPES = {
    PictureForm.JPEG: "image/jpeg",
    PictureForm.PNG: "image/png",
    PictureForm.PPM: "image/x-portable-pixmap",
}


def _picture(control: Control, query: Query) -> File:
    side = query.number("side") if query.text_or_none("side") else _SIDE
    if side not in _SIDES:
        raise ApiError(
            f"A picture of {side} pixels is not made.",
            f"Give side={_SIDES.start} to {_SIDES.stop - 1}.",
        )
    form = _form(query.text_or_none("form") or PictureForm.JPEG)
    return File(control.picture(query.number("face"), side, form), _MEDIA_TYPES[form])


def _form(text: str) -> PictureForm:
    if text not in set(PictureForm):
        raise ApiError(f"The form {text!r} is not known.", f"Give {', '.join(PictureForm)}.")
    return PictureForm(text)


ASKING_ROUTES = (
    ApiRoute("GET", "/v1/suggestions", "Which two people may be one, worth most first",
             list_of(SUGGESTION), lambda control, query: control.advising.suggestions(
                 query.limit()), LIMIT),
    ApiRoute("GET", "/v1/suggestion", "The two people of a suggestion that was shown", SUGGESTED,
             lambda control, query: control.advising.suggestion(query.number("number")),
             {"number": INT}),
    ApiRoute("GET", "/v1/questions", "What to ask about faces, first what settles most", QUESTIONS,
             lambda control, query: control.advising.questions(query.limit()), LIMIT),
    ApiRoute("GET", "/v1/calibrate", "What other thresholds would do", CALIBRATION,
             lambda control, _: control.calibrated(), {}),
    ApiRoute("GET", "/v1/face/picture", "A face cut out of its photo, as a square picture",
             _PICTURE, _picture,
             {"face": INT,
              "side": {**INT, "minimum": _SIDES.start, "maximum": _SIDES.stop - 1,
                       "default": _SIDE},
              "form": {"type": "string", "enum": [form.value for form in PictureForm],
                       "default": PictureForm.JPEG.value}}),
)  # fmt: skip
