r"""What `inspect --json` prints: one object a file.

Text out of the file has control and direction characters written as `\xNN` or `\uNNNN`, so that
JSON on a terminal can do no harm either.
"""

from dataclasses import asdict

from jpegslim.engine.container.frame import Frame
from jpegslim.engine.inspecting import Inspection
from jpegslim.errors import NotAJpeg
from jpegslim.files.inspection import Inspected
from jpegslim.reports.records import finite, tile_record
from jpegslim.reports.wording import printable, well_formed
from jpegslim.results import SCHEMA_VERSION, Optimized, Status


def inspected_record(result: Inspected) -> dict[str, object]:
    """Return one file; keys that reports of a run have mean the same here."""
    found = result.inspection
    return {
        "schema": SCHEMA_VERSION,
        "path": well_formed(str(result.path)),
        "sound": result.is_sound,
        "problem": None if result.problem is None else printable(result.problem),
        "inspection": None if found is None else _inspection(found),
        "optimize": _outcome(result),
    }


def _inspection(found: Inspection) -> dict[str, object]:
    plain = {
        "bytes": found.size,
        "frame": None if found.frame is None else _frame(found.frame),
        "coding": found.coding,
        "color_space": found.color_space,
        "scans": found.scans,
        "restart_interval": found.restart_interval,
        "quality": None if found.quality is None else asdict(found.quality),
        "quantization_tables": [asdict(table) for table in found.tables],
        "picture_bytes": found.coded,
        "metadata_bytes": found.metadata,
        "image_end": found.image_end,
        "bits_per_pixel": finite(found.bits_per_pixel),
        "profile": None if found.profile is None else asdict(found.profile),
        "exif": None if found.camera is None else asdict(found.camera),
        "marker": None if found.marker is None else asdict(found.marker),
        "segments": [asdict(stretch) for stretch in found.segments],
        "mpf_images": [asdict(image) for image in found.images],
        "behind": [
            {
                "kind": str(part.kind),
                "label": part.label,
                "offset": part.start,
                "size": part.size,
                "named_by": list(map(str, part.named_by)),
            }
            for part in found.parts
        ],
    }
    return {key: _cleaned(value) for key, value in plain.items()}


def _frame(frame: Frame) -> dict[str, object]:
    return {
        "width": frame.width,
        "height": frame.height,
        "megapixels": frame.megapixels,
        "precision": frame.precision,
        "chroma_subsampling": frame.chroma_subsampling,
        "components": [asdict(component) for component in frame.components],
    }


def _outcome(result: Inspected) -> dict[str, object] | None:
    """Return what a run would make of the file, with a run's keys; None where nobody could ask."""
    error, outcome = result.error, result.outcome
    if outcome is not None:
        return _run(outcome)
    if error is None:
        return None
    return {
        "status": str(Status.SKIPPED if isinstance(error, NotAJpeg) else Status.FAILED),
        "reason": str(error.reason),
        "message": printable(str(error)),
    }


def _run(outcome: Optimized) -> dict[str, object]:
    return {
        "status": str(outcome.status),
        "reason": str(outcome.reason),
        "message": printable(outcome.detail),
        "bytes_in": outcome.bytes_in,
        "bytes_out": outcome.bytes_out,
        "score": finite(outcome.score),
        "worst_tile": tile_record(outcome.worst_tile),
        "target": finite(outcome.target),
        "encoder": outcome.encoder,
        "chroma_subsampling": outcome.chroma_subsampling,
        "gain_map": outcome.gain_map,
        "notes": [printable(note) for note in outcome.notes],
    }


def _cleaned(value: object) -> object:
    """Return plain data with all of its text made safe to show."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    return value
