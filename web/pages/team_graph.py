"""A team drawn: its members from left to right as customers reach them, and the ways between them."""

from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 150, 56
GAP_X, GAP_Y = 90, 44
MARGIN = 46
"""Around it all, so that ways that lead back fit in."""


@dataclass(frozen=True, slots=True)
class Box:
    """A member; `x` and `y` are the upper left corner."""

    key: str
    name: str
    x: int
    y: int
    first: bool


@dataclass(frozen=True, slots=True)
class Way:
    """A line between two members, as the path of an SVG, and what it means."""

    path: str
    words: str


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    boxes: list[Box]
    ways: list[Way]

    @property
    def words(self) -> str:
        """All of it for those who do not see it."""
        return " ".join(way.words for way in self.ways) or "Nobody hands over to anybody yet."


def draw(members: list[dict[str, Any]], first: str, names: dict[str, str]) -> Drawing:
    """The drawing of members with `key` and `transitions`; ways to members who do not exist are left out."""
    first = first or (members[0]["key"] if members else "")
    columns = _columns(members, first)
    tallest = max((len(column) for column in columns), default=1)
    boxes: dict[str, Box] = {}
    for across, column in enumerate(columns):
        top = MARGIN + (tallest - len(column)) * (HEIGHT + GAP_Y) // 2
        for down, key in enumerate(column):
            x, y = MARGIN + across * (WIDTH + GAP_X), top + down * (HEIGHT + GAP_Y)
            boxes[key] = Box(key, names.get(key, key), x, y, key == first)
    ways = [
        Way(_path(boxes[member["key"]], boxes[way["to"]]), f"{names[member['key']]} hands over to {names[way['to']]}.")
        for member in members
        for way in member["transitions"]
        if way.get("to") in boxes and way["to"] != member["key"]
    ]
    width = 2 * MARGIN + len(columns) * (WIDTH + GAP_X) - GAP_X
    return Drawing(width, 2 * MARGIN + tallest * (HEIGHT + GAP_Y) - GAP_Y, list(boxes.values()), ways)


def _columns(members: list[dict[str, Any]], first: str) -> list[list[str]]:
    """The members by how many hand-overs they are away; those who are never reached stand last."""
    ways = {member["key"]: [way.get("to") for way in member["transitions"]] for member in members}
    columns, known, column = [], {first}, [first] if first in ways else []
    while column:
        columns.append(column)
        column = [
            key for key in dict.fromkeys(to for one in column for to in ways[one]) if key in ways and key not in known
        ]
        known.update(column)
    left = [key for key in ways if key not in known]
    return [*columns, left] if left else columns


def _path(one: Box, other: Box) -> str:
    """From border to border: onwards to the right, back underneath, within a column around the side."""
    middle = HEIGHT // 2
    if other.x > one.x:
        x, y, to_x, to_y = one.x + WIDTH, one.y + middle - 8, other.x, other.y + middle - 8
        bend = GAP_X // 2
        return f"M{x} {y}C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}"
    if other.x < one.x:
        x, y, to_x, to_y = one.x, one.y + middle + 12, other.x + WIDTH, other.y + middle + 12
        bend = GAP_X // 2
        return f"M{x} {y}C{x - bend} {y} {to_x + bend} {to_y} {to_x} {to_y}"
    side, bend = (one.x + WIDTH, 40) if other.y > one.y else (one.x, -40)
    y, to_y = one.y + middle, other.y + middle
    return f"M{side} {y}C{side + bend} {y} {side + bend} {to_y} {side} {to_y}"
