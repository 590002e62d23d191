"""What the API answers, put into words for people."""

from facewatchd.render.answers import (
    doubtful_grid,
    errors_grid,
    people_grid,
    photo_fields,
    why_fields,
)
from facewatchd.render.decisions import decision_words, log_grid
from facewatchd.render.engine import engine_fields, estimate_fields
from facewatchd.render.people import face_fields, person_fields, photos_grid
from facewatchd.render.show import Field, Grid, show_fields, show_grid, watch_fields
from facewatchd.render.status import status_fields
from facewatchd.render.words import count, duration, moment, printable, taken

__all__ = [
    "Field",
    "Grid",
    "count",
    "decision_words",
    "doubtful_grid",
    "duration",
    "engine_fields",
    "errors_grid",
    "estimate_fields",
    "face_fields",
    "log_grid",
    "moment",
    "people_grid",
    "person_fields",
    "photo_fields",
    "photos_grid",
    "printable",
    "show_fields",
    "show_grid",
    "status_fields",
    "taken",
    "watch_fields",
    "why_fields",
]
