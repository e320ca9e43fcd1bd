"""The sound of a recording over HTTP: ranges, single lanes, files that still grow (RFC 9110, sections 13 and 14).

Pages and the API answer with the same `sound`; who may hear it is theirs to check first.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from litestar import Response
from litestar.exceptions import NotFoundException
from litestar.response import Stream

from hub.voice import wav

Lane = Literal["both", "mixed", "customer", "others"]
LANES: tuple[Lane, ...] = get_args(Lane)

_BLOCK = 65_536
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)
_GONE = "The sound of this recording is no longer there."
_NOTHING_YET = "Nothing has been recorded yet. Try again in a moment."


class Span(NamedTuple):
    """Bytes from `first` up to but without `stop`."""

    first: int
    stop: int


def span(header: str, size: int) -> Span | None:
    """What a `Range` asks of so many bytes; None: everything. Raises `ValueError` when it lies outside of them.

    Several ranges, other units and nonsense ask for everything (RFC 9110, 14.2).
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[0].endswith("=-"):
        return None
    first, last = match[1], match[2]
    if not first:
        wanted = Span(max(size - int(last), 0), size)
    elif last and int(last) < int(first):
        return None
    else:
        wanted = Span(int(first), min(int(last) + 1, size) if last else size)
    if wanted.first >= wanted.stop:
        raise ValueError(f"There are only {size} bytes.")
    return wanted


async def sound(
    request_headers: Mapping[str, str],
    path: Path,
    lane: Lane,
    download_name: str = "",
    growing: bool = False,
    *,
    until_ms: int | None = None,
    method: str = "GET",
) -> Response[Any]:
    """The recording at `path`, or a part of it, as WAV: both lanes, or one lane alone.

    `download_name` makes it a file to keep. Of a recording that is `growing`, there is what there is now, or the first
    `until_ms` of it, and nobody may keep it. Raises `NotFoundException` with words for people.
    """
    try:
        known, changed = await asyncio.to_thread(_known, path)
    except OSError:
        raise NotFoundException(_GONE) from None
    except ValueError:
        raise NotFoundException(_NOTHING_YET if growing else _GONE) from None
    if until_ms is not None:
        known = known._replace(frames=min(known.frames, max(until_ms, 0) * known.rate // 1000))
    size = known.size if lane == "both" else known.lane_size
    tag = "" if growing else f'"{changed:x}-{size:x}-{lane}"'
    headers = _headers(tag, download_name)
    if tag and _named(request_headers.get("if-none-match", ""), tag):
        return Response(b"", status_code=304, headers=headers)
    try:
        wanted = span(request_headers.get("range", ""), size) if _unchanged(request_headers, tag) else None
    except ValueError:
        return Response(b"", status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    first, stop = wanted or Span(0, size)
    headers["Content-Length"] = str(stop - first)
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{stop - 1}/{size}"
    status = 206 if wanted else 200
    if method == "HEAD":
        return Response(b"", status_code=status, media_type="audio/wav", headers=headers)
    return Stream(_bytes(path, lane, known, first, stop), status_code=status, media_type="audio/wav", headers=headers)


def _known(path: Path) -> tuple[wav.Extent, int]:
    return wav.extent(path), path.stat().st_mtime_ns


def _headers(tag: str, download_name: str) -> dict[str, str]:
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache" if tag else "no-store"}
    if tag:
        headers["ETag"] = tag
    if download_name:
        headers["Content-Disposition"] = f'attachment; filename="{download_name}"'
    return headers


def _named(header: str, tag: str) -> bool:
    return header.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in header.split(",")]


def _unchanged(request_headers: Mapping[str, str], tag: str) -> bool:
    """Whether a range may be given: the sound is still the one that the asker has a part of."""
    condition = request_headers.get("if-range", "").strip()
    return not condition or (bool(tag) and condition == tag)


def _bytes(path: Path, lane: Lane, known: wav.Extent, first: int, stop: int) -> Iterator[bytes]:
    if lane == "both":
        return _stereo(path, known, first, stop)
    return wav.lane(path, lane, first, stop - first, known)


def _stereo(path: Path, known: wav.Extent, first: int, stop: int) -> Iterator[bytes]:
    """The file as it is, but for a header that tells how much follows."""
    if first < wav.HEADER:
        yield wav.header(known.rate, wav.LANES, known.frames)[first:stop]
        first = wav.HEADER
    with path.open("rb") as file:
        file.seek(first)
        while first < stop and (block := file.read(min(_BLOCK, stop - first))):
            first += len(block)
            yield block
