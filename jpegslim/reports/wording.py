"""Names, numbers and codes as a person reads them, safe to show on a terminal."""

import unicodedata

from jpegslim.results import Reason

# Control, format, surrogate, line and paragraph separators: what can move a cursor, start an
# escape sequence, turn the direction of writing, or fake a second line.
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Persian names and joined emoji need the (non-)joiners, which are format characters too.
_HARMLESS = frozenset("\u200c\u200d")

_KILO = 1000.0
_UNITS = ("kB", "MB", "GB", "TB", "PB")
_MINUTE = 60
_HOUR = 3600
_WHOLE_SECONDS_FROM = 9.95

_REASONS: dict[str, str] = {
    Reason.TARGET_MET: "target met",
    Reason.ANOTHER_GENERATION: (
        "made from pictures optimized before: one more generation,"
        " and the score speaks of the last one only"
    ),
    Reason.LISTED_TWICE: "listed twice",
    Reason.METADATA_DROPPED: "metadata dropped, the picture data as it was",
    Reason.LOSSLESS_ASKED: "as asked",
    Reason.GENERATION_PRICE: "lossy would save too little more to be worth a generation",
    Reason.SOURCE_COARSE: "source already as coarse as the target allows",
    Reason.TARGET_OUT_OF_REACH: "target out of reach",
    Reason.NOT_MEASURABLE: "no score for this kind of picture",
    Reason.TOO_LITTLE_TO_GAIN: "too little to gain",
    Reason.ALREADY_OPTIMIZED: "already optimized",
    Reason.ALREADY_COPIED: "copied as they are before, for there was nothing to gain",
    Reason.TOO_BIG: "too big",
    Reason.HARD_LINKED: "has further names (hard links)",
    Reason.TOO_SMALL: "smaller than asked for",
    Reason.TOO_YOUNG: "modified just now, left for the next run",
    Reason.PHOTO_LIBRARY: "the library of a photo program, left to it",
    "access_list": "an access list (ACL) that could not be read (s3:GetObjectAcl) or kept",
    "archived": "archived, to be restored first",
    "folder": "names of folders, not of photos",
    "in_output": "results that lie in the output",
    "customer_key": "encrypted with a key that S3 does not have",
    "gone": "deleted meanwhile",
    "locked": "locked (Object Lock)",
    "metadata_unreadable": "metadata of the object that could not be kept",
    "stale": "replaced or deleted by somebody else meanwhile",
    "tags_unreadable": "tags of the object that could not be read (s3:GetObjectTagging)",
    "afcp_offsets": "notes behind it (AFCP) that count from the start of the file",
    "arithmetic_coding": "arithmetic coding, which hardly any viewer reads",
    "c2pa_signed": "signed (C2PA): a rewrite would break the signature",
    "component_count": "an unusual number of colour components",
    "dnl_height": "height told only behind the picture",
    "exif_points_beyond": "EXIF that points outside of itself",
    "jpeg_hdr": "a brightness layer (JPEG-HDR) made for exactly this coding",
    "jpeg_xt": "hidden layers (JPEG XT) made for exactly this coding",
    "junk_between_markers": "unknown bytes between its parts, which would be lost",
    "lossless_coding": "lossless JPEG, which hardly any viewer reads",
    "measurements_inside": "thermal measurements that can't be told from their metadata",
    "metadata_between_scans": "metadata behind the first scan, which would change its meaning",
    "mpf_inconsistent": "a list of pictures (MPF) that points nowhere",
    "not_a_jpeg": "not a JPEG",
    "not_recoded": "too much for the lossless optimizer",
    "perhaps_truncated": "picture data that may have been cut off",
    "scans_missing": "its last scans missing, which viewers fill in differently",
    "twelve_bit": "more than 8 bits a sample",
    "undecodable": "a kind of JPEG that the decoder can't read",
    "verification_failed": "its result did not pass verification",
}

# Thresholds and words as published with SSIMULACRA2 and read by our presets.
MEANINGS = (
    (90.0, "no difference, not even in a flicker test"),
    (85.0, "no difference when the two are swapped in place"),
    (80.0, "no difference side by side at 1:1"),
    (70.0, "a difference that is hard to notice"),
    (50.0, "a difference that can be seen without looking for it"),
    (30.0, "a difference that annoys"),
)
_IDENTICAL = 100.0


def well_formed(text: str) -> str:
    r"""Write each byte of a file name that is not UTF-8 as `\xNN`; the rest stays as it is.

    Python carries such bytes as lone surrogates, which no UTF-8 file may contain. Surrogates
    that stand for no byte (Windows names) become `\uNNNN`.
    """
    if text.isascii():
        return text
    return "".join(_escaped(char) if "\ud800" <= char <= "\udfff" else char for char in text)


def printable(text: str) -> str:
    r"""Write control, direction and line-breaking characters as `\xNN` or `\uNNNN`.

    What is left can't move the cursor, change colours or pose as another line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if _is_harmful(char) else char for char in text)


def size(number: int) -> str:
    """Write bytes with a decimal unit, as file managers and disks do: `40.6 MB`."""
    if number < 0:
        return f"-{size(-number)}"
    if number < _KILO:
        return count(number, "byte")
    power = 1
    # From 999.95 on, one digit after the point would read 1000.0.
    while power < len(_UNITS) and number / _KILO**power >= _KILO - 0.05:
        power += 1
    return f"{number / _KILO**power:.1f} {_UNITS[power - 1]}"


def percent(fraction: float) -> str:
    """Write a fraction as a percentage with one digit: `55.1%`."""
    return f"{100 * fraction:.1f}%"


def duration(seconds: float) -> str:
    """Write a time span as coarsely as one would say it: `4.2 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < _WHOLE_SECONDS_FROM:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def count(number: int, noun: str) -> str:
    """Write a number of things, plural with `s`: `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def reason(code: str) -> str:
    """Say a reason code in words; unknown codes lose their underscores."""
    for known, words in _REASONS.items():
        if known == code:
            return words
    return printable(code.replace("_", " "))


def meaning(score: float, *, is_known: bool = True) -> str:
    """Say what people see between two pictures at this SSIMULACRA2 score.

    is_known: whether they are large enough for the score to mean anything.
    """
    if score >= _IDENTICAL:
        return "no measurable difference"
    if not is_known:
        return "says little of a picture this small (under 113 pixels)"
    for threshold, words in MEANINGS:
        if score >= threshold:
            return words
    return "plainly different"


def _is_harmful(char: str) -> bool:
    return unicodedata.category(char) in _HARMFUL and char not in _HARMLESS


def _escaped(char: str) -> str:
    code = ord(char)
    # U+DC80 to U+DCFF carry one undecodable byte each (PEP 383).
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
