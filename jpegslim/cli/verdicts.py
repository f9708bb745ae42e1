"""What `compare` prints: judgements as lines for a person and as records for JSON."""

from jpegslim.audit import AuditTotals, Outcome, PairResult
from jpegslim.engine.metric import Comparison, is_meaningful
from jpegslim.reports import wording
from jpegslim.reports.records import finite, tile_record
from jpegslim.results import SCHEMA_VERSION, Tile


def judgement_lines(judgement: Comparison) -> list[str]:
    """Return the score, what it means, and the worst place."""
    width = max(tile.x + tile.width for tile in judgement.tiles)
    height = max(tile.y + tile.height for tile in judgement.tiles)
    meaning = wording.meaning(judgement.score, is_known=is_meaningful(width, height))
    return [
        f"score       {judgement.score:.2f}  {meaning}",
        f"worst tile  {judgement.worst_tile.score:.2f}  {_place(judgement.worst_tile)}",
    ]


def judgement_record(judgement: Comparison) -> dict[str, object]:
    """Return the score, the worst tile and all tiles."""
    return {
        "score": finite(judgement.score),
        "worst_tile": tile_record(judgement.worst_tile),
        "tiles": [tile_record(tile) for tile in judgement.tiles],
    }


def pair_line(result: PairResult) -> str:
    """Return one pair: score, worst tile, saved part, path; or what is wrong with it."""
    path = wording.printable(str(result.path))
    if result.score is None:
        return f"{result.outcome}: {path}: {wording.printable(result.message)}"
    if result.worst_tile is None:
        return f"{result.score:6.2f}  {result.outcome:12}         {path}"
    saved = 1 - (result.bytes_out or 0) / (result.bytes_in or 1)
    return (
        f"{result.score:6.2f}  worst {result.worst_tile.score:6.2f}  "
        f"{wording.percent(-saved):>7}  {path}"
    )


def pair_record(result: PairResult) -> dict[str, object]:
    """Return one pair; the keys that files of a run have mean the same here."""
    return {
        "schema": SCHEMA_VERSION,
        "path": wording.well_formed(str(result.path)),
        "status": str(result.outcome),
        "message": wording.well_formed(result.message),
        "bytes_in": result.bytes_in,
        "bytes_out": result.bytes_out,
        "score": finite(result.score),
        "worst_tile": tile_record(result.worst_tile),
    }


def totals_lines(totals: AuditTotals) -> list[str]:
    """Return the counts, the sizes, the lowest and the median score."""
    outcomes = ", ".join(
        f"{totals.counts[outcome]} {outcome}" for outcome in Outcome if totals.counts[outcome]
    )
    lines = [f"{wording.count(totals.pairs, 'pair')}: {outcomes}"]
    if totals.bytes_in:
        lines.append(
            f"{wording.size(totals.bytes_in)} -> {wording.size(totals.bytes_out)} "
            f"({wording.percent(-totals.saved_fraction)})"
        )
    lowest = totals.lowest
    if lowest is not None and lowest.score is not None and totals.median is not None:
        path = wording.printable(str(lowest.path))
        lines += [
            f"lowest score {lowest.score:.2f}: {path} ({wording.meaning(lowest.score)})",
            f"median score {totals.median:.2f}",
        ]
    return lines


def totals_record(totals: AuditTotals) -> dict[str, object]:
    """Return the sums under a key of their own."""
    lowest = totals.lowest
    return {
        "schema": SCHEMA_VERSION,
        "totals": {
            "pairs": totals.pairs,
            **{str(outcome): totals.counts[outcome] for outcome in Outcome},
            "bytes_in": totals.bytes_in,
            "bytes_out": totals.bytes_out,
            "saved_fraction": finite(totals.saved_fraction),
            "lowest": None
            if lowest is None
            else {"path": wording.well_formed(str(lowest.path)), "score": finite(lowest.score)},
            "median": finite(totals.median),
            "exit_code": int(totals.exit_code),
        },
    }


def _place(tile: Tile) -> str:
    return f"{tile.width}x{tile.height} pixels at x={tile.x}, y={tile.y}"
