"""What the API answers, put into words for people."""

from facewatchd.render.answers import (
    doubtful_grid,
    errors_grid,
    people_grid,
    photo_fields,
    why_fields,
)
from facewatchd.render.asking import (
    calibration_fields,
    calibration_grid,
    candidate_words,
    first_words,
    question_words,
    suggestions_grid,
)
from facewatchd.render.decisions import decision_words, log_grid
from facewatchd.render.engine import engine_fields, estimate_fields
from facewatchd.render.forgetting import forgetting_words, forgotten_words
from facewatchd.render.people import face_fields, person_fields, person_words, photos_grid
from facewatchd.render.plan import plan_fields, waits_words
from facewatchd.render.show import Field, Grid, show_fields, show_grid, watch_fields
from facewatchd.render.status import status_fields
from facewatchd.render.words import (
    count,
    duration,
    in_lines,
    moment,
    pause_words,
    printable,
    taken,
)

__all__ = [
    "Field",
    "Grid",
    "calibration_fields",
    "calibration_grid",
    "candidate_words",
    "count",
    "decision_words",
    "doubtful_grid",
    "duration",
    "engine_fields",
    "errors_grid",
    "estimate_fields",
    "face_fields",
    "first_words",
    "forgetting_words",
    "forgotten_words",
    "in_lines",
    "log_grid",
    "moment",
    "pause_words",
    "people_grid",
    "person_fields",
    "person_words",
    "photo_fields",
    "photos_grid",
    "plan_fields",
    "printable",
    "question_words",
    "show_fields",
    "show_grid",
    "status_fields",
    "suggestions_grid",
    "taken",
    "waits_words",
    "watch_fields",
    "why_fields",
]
