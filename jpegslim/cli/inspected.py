"""What `inspect` prints for a person: aligned sections, made for 80 columns."""

import textwrap
from collections.abc import Iterator
from itertools import groupby

from jpegslim.engine.container.camera import Camera
from jpegslim.engine.container.trailer import Part
from jpegslim.engine.inspecting import Inspection, QuantizationTable, Stretch
from jpegslim.files.inspection import Inspected
from jpegslim.reports import wording
from jpegslim.results import Optimized, Status

_WIDTH = 80
_LABEL = 13
# A segment's line: offset, size, marker; then its name.
_NAME_AT = 37
# Runs of segments that are alike are shown by their first ones; no more lines than these.
_RUN, _MOST_SEGMENTS = 3, 60

_COLOR_SPACES = {
    "gray": "grey",
    "ycbcr": "YCbCr",
    "rgb": "RGB",
    "cmyk": "CMYK",
    "ycck": "YCCK (inks)",
}
# EXIF 2.32 table 4: what a viewer does.
_TURNS = {
    1: "upright",
    2: "mirrored",
    3: "turned by 180°",
    4: "mirrored, turned by 180°",
    5: "mirrored, turned left",
    6: "turned right",
    7: "mirrored, turned right",
    8: "turned left",
}


def lines(result: Inspected, found: Inspection) -> Iterator[str]:
    """Yield all there is to say about a file, text of its own cleaned."""
    yield wording.printable(str(result.path))
    yield ""
    yield from _section("Picture", _picture(found, result.problem))
    if found.camera is not None:
        yield from _section("Camera (EXIF)", _camera(found.camera))
    yield "Segments  offset       bytes"
    yield from _segments(found.segments)
    yield ""
    if found.images:
        yield "Images    offset       bytes  as listed in the MPF index"
        for image in found.images:
            yield _row(image.offset, image.size, "", image.label)
        yield ""
    if found.parts:
        yield "Behind it offset       bytes"
        for part in found.parts:
            yield _row(part.start, part.size, "", _part(part))
        yield ""
    yield from _section("jpegslim", _verdict(result, found))[:-1]


def _section(heading: str, rows: Iterator[tuple[str, str]]) -> list[str]:
    """Return a heading, its rows in two columns, and an empty line; nothing without rows."""
    found = []
    for label, text in rows:
        found += textwrap.wrap(
            wording.printable(text),
            _WIDTH,
            initial_indent=f"  {label:{_LABEL - 2}} ",
            subsequent_indent=" " * (_LABEL + 1),
        )
    return [heading, *found, ""] if found else []


def _picture(found: Inspection, problem: str | None) -> Iterator[tuple[str, str]]:
    frame = found.frame
    if problem is not None:
        yield "problem", problem
    if frame is not None:
        yield (
            "size",
            f"{frame.width} × {frame.height} pixels, {frame.megapixels:.2f} megapixels",
        )
    behind = sum(part.size for part in found.parts)
    share = f", {wording.size(behind)} behind it" if behind else ""
    picture, metadata = wording.size(found.coded), wording.size(found.metadata)
    yield "file", f"{wording.size(found.size)}: {picture} picture, {metadata} metadata{share}"
    if frame is not None:
        scans = wording.count(found.scans, "scan")
        bits = found.bits_per_pixel
        density = "" if bits is None else f", {bits:.2f} bits per pixel"
        yield "coding", f"{found.coding}, {frame.precision} bits a sample, {scans}{density}"
        if found.restart_interval:
            yield "restarts", f"every {found.restart_interval} blocks (MCUs)"
        space = _COLOR_SPACES.get(found.color_space or "", "unknown")
        sampling = "" if len(frame.components) == 1 else f", {frame.chroma_subsampling}"
        yield "colour", f"{space}{sampling}"
    if found.quality is not None:
        yield "quality", _quality(found)
    for table in found.tables:
        yield f"table {table.slot}", _table(table)
    if found.profile is not None:
        name = found.profile.name or "without a name"
        gamut = f", gamut {found.profile.gamut}" if found.profile.gamut else ""
        yield "profile", f"{name}{gamut}"
        if found.profile.note is not None:
            yield "", found.profile.note
    elif frame is not None:
        yield "profile", "none"


def _quality(found: Inspection) -> str:
    quality = found.quality
    assert quality is not None  # noqa: S101 - asked before
    same = quality.chroma in (None, quality.luma)
    number = f"{quality.luma}" if same else f"{quality.luma}, chroma {quality.chroma}"
    if quality.standard:
        return f"{number} (standard tables)"
    return f"about {number} (custom tables; the closest standard ones)"


def _table(table: QuantizationTable) -> str:
    """Return the steps of the lowest frequencies, and the range of all."""
    first, second = (" ".join(map(str, row[:4])) for row in table.rows[:2])
    values = [value for row in table.rows for value in row]
    users = " and ".join(map(str, table.components))
    used = f"component {users}" if users else "unused"
    return f"steps {min(values)} to {max(values)}, beginning {first}, {second}; {used}"


def _camera(camera: Camera) -> Iterator[tuple[str, str]]:
    maker = camera.make or ""
    model = camera.model or ""
    # Canon, Nikon and others repeat their name in the model's.
    repeated = maker and model.lower().startswith(maker.split()[0].lower())
    name = model if repeated else f"{maker} {model}".strip()
    for label, text in (
        ("camera", name),
        ("lens", camera.lens),
        ("taken", camera.taken),
        ("exposure", _exposure(camera)),
        ("software", camera.software),
        ("artist", camera.artist),
        ("copyright", camera.copyright),
        ("colours", camera.color_space),
    ):
        if text:
            yield label, text
    if camera.orientation is not None:
        turned = _TURNS.get(camera.orientation, "not a known one")
        yield "orientation", f"{camera.orientation} ({turned})"
    yield "position", "in EXIF (GPS)" if camera.position else "not in EXIF"
    if camera.maker_note:
        yield "maker note", wording.size(camera.maker_note)
    if camera.thumbnail:
        yield "thumbnail", wording.size(camera.thumbnail)


def _exposure(camera: Camera) -> str:
    said = []
    if camera.exposure:
        short = camera.exposure < 0.3  # noqa: PLR2004 - as cameras show it
        said.append(f"1/{1 / camera.exposure:.0f} s" if short else f"{camera.exposure:g} s")
    if camera.aperture:
        said.append(f"f/{camera.aperture:.3g}")
    if camera.iso:
        said.append(f"ISO {camera.iso}")
    if camera.focal_length:
        said.append(f"{camera.focal_length:.3g} mm")
    return ", ".join(said)


def _segments(stretches: tuple[Stretch, ...]) -> Iterator[str]:
    shown: list[str] = []
    for _, group in groupby(stretches, lambda each: (each.marker, each.name)):
        run = list(group)
        # One line for one more would save none.
        first = _RUN if len(run) > _RUN + 1 else len(run)
        for each in run[:first]:
            coded = f" with {each.coded:,} bytes of data" if each.coded else ""
            detail = f": {each.detail}" if each.detail else ""
            shown.append(_row(each.offset, each.size, each.marker, f"{each.name}{detail}{coded}"))
        more = run[first:]
        if more:
            size = sum(each.size for each in more)
            shown.append(_row(more[0].offset, size, "", f"{len(more):,} more of this kind"))
    yield from shown[:_MOST_SEGMENTS]
    if len(shown) > _MOST_SEGMENTS:
        yield f"{'':{_NAME_AT}}… {len(shown) - _MOST_SEGMENTS:,} more lines (--json has all)"


def _row(offset: int, size: int, marker: str, text: str) -> str:
    head = f"  {offset:>14,} {size:>11,}  {marker:5}"
    return "\n".join(
        textwrap.wrap(
            wording.printable(text),
            _WIDTH,
            initial_indent=f"{head} ",
            subsequent_indent=" " * (len(head) + 1),
            max_lines=3,
            placeholder=" …",
        )
        or [head]
    )


def _part(part: Part) -> str:
    named = f", named by {' and '.join(part.named_by)}" if part.named_by else ""
    return f"{part.label}{named}"


def _verdict(result: Inspected, found: Inspection) -> Iterator[tuple[str, str]]:
    marker = found.marker
    if marker is None:
        yield "marker", "none"
    else:
        target = "lossless" if marker.target is None else f"target {marker.target:g}"
        score = "" if marker.score is None else f", score {marker.score:.2f}"
        yield "marker", f"made by jpegslim {marker.version}, {target}{score}"
    if result.error is not None:
        yield "optimize", "would leave it as it is and count it as failed"
    if result.outcome is not None:
        outcome = result.outcome
        yield "optimize", _outcome(outcome)
        yield "why", outcome.detail
        for note in outcome.notes:
            yield "note", note


def _outcome(outcome: Optimized) -> str:
    if outcome.status in (Status.KEPT, Status.SKIPPED):
        return f"would leave it as it is ({outcome.status}: {wording.reason(outcome.reason)})"
    saved = wording.percent(1 - outcome.bytes_out / outcome.bytes_in)
    how = "losslessly " if outcome.status is Status.LOSSLESS else ""
    score = "" if outcome.score is None else f", score {outcome.score:.2f}"
    return (
        f"would make it {saved} smaller {how}({wording.size(outcome.bytes_in)} ->"
        f" {wording.size(outcome.bytes_out)}{score})"
    )
