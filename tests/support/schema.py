"""Holds values against the JSON schemas that the API describes itself with."""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}


def violations(schema: dict[str, Any], value: Any, where: str = "$") -> list[str]:
    """Return what is wrong with ``value``; knows the keywords that the API uses."""
    if "anyOf" in schema:
        found = [violations(option, value, where) for option in schema["anyOf"]]
        return [] if [] in found else found[0]
    expected = _TYPES[schema["type"]]
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        return [f"{where} is {value!r}, no {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} is {value!r}, none of {schema['enum']}"]
    if isinstance(value, list):
        return _in_list(schema, value, where)
    if isinstance(value, dict) and "properties" in schema:
        return _in_object(schema, value, where)
    return []


def _in_list(schema: dict[str, Any], value: list[Any], where: str) -> list[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return [f"{where} has {len(value)} items"]
    return [
        wrong
        for index, item in enumerate(value)
        for wrong in violations(schema["items"], item, f"{where}[{index}]")
    ]


def _in_object(schema: dict[str, Any], value: dict[str, Any], where: str) -> list[str]:
    fields = schema["properties"]
    wrong = [f"{where} lacks {name}" for name in schema["required"] if name not in value]
    wrong += [f"{where} has {name} too" for name in value if name not in fields]
    for name in fields.keys() & value.keys():
        wrong += violations(fields[name], value[name], f"{where}.{name}")
    return wrong
