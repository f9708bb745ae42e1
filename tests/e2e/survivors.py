"""What may differ between a file and its smaller version, and nothing else."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import readers


class Pair(NamedTuple):
    """One file before and after, and every tag that exiftool finds in each."""

    before: bytes
    after: bytes
    old: dict[str, list[object]]
    new: dict[str, list[object]]


class Allowed(NamedTuple):
    """Why a tag may differ, and whether it does so as it must."""

    reason: str
    holds: Callable[[Pair, list, list], bool]


def is_smaller(pair, old, new):
    return new == [len(pair.after)] and new < old


def one_value(pair, old, new):
    return len(old) == len(new) == 1


def is_progressive(pair, old, new):
    # exiftool tells the frame header by T.81's numbers: SOF2, Huffman coded.
    return new == [2]


def names_only_us(pair, old, new):
    return new[:-1] == old and readers.OURS.fullmatch(new[-1].encode()) is not None


def no_finer_chroma(pair, old, new):
    factors = [list(map(int, values[0].split())) for values in (old, new)]
    return all(before <= after for before, after in zip(*factors, strict=True))


def first_image_size(pair, old, new):
    return new == [len(pair.after) - len(readers.layout(pair.after).behind)]


def same_distance_from_the_end(pair, old, new):
    return len(pair.before) - old[0] == len(pair.after) - new[0]


def was_coded_as_rgb(pair, old, new):
    return not new and pair.old["Adobe:ColorTransform"] == [0]


NOT_TRUE_OF_YCBCR = Allowed(
    "says the picture is coded as RGB, and it no longer is", was_coded_as_rgb
)
MOVED = Allowed("the first picture in front of it is smaller", same_distance_from_the_end)
# All that may differ in a delivered file; a tag that is not here must be the same.
ALLOWED = {
    "System:FileSize": Allowed("what it is all for", is_smaller),
    "System:FileAccessDate": Allowed("tells when somebody read it last", one_value),
    "System:FileInodeChangeDate": Allowed("nobody can set it", one_value),
    "File:Comment": Allowed("one comment more: our marker", names_only_us),
    "File:EncodingProcess": Allowed("progressive scans pack better", is_progressive),
    "File:YCbCrSubSampling": Allowed("the target was met with less chroma", no_finer_chroma),
    "MPImage1:MPImageLength": Allowed("the size of the first picture itself", first_image_size),
    "MPImage2:MPImageStart": MOVED,
    "MPImage3:MPImageStart": MOVED,
    "Adobe:DCTEncodeVersion": NOT_TRUE_OF_YCBCR,
    "Adobe:APP14Flags0": NOT_TRUE_OF_YCBCR,
    "Adobe:APP14Flags1": NOT_TRUE_OF_YCBCR,
    "Adobe:ColorTransform": NOT_TRUE_OF_YCBCR,
}


def differences(pair):
    """Every tag that differs otherwise than the table allows."""
    found = {}
    for tag in pair.old.keys() | pair.new.keys():
        old, new = pair.old.get(tag, []), pair.new.get(tag, [])
        if old != new and not (tag in ALLOWED and ALLOWED[tag].holds(pair, old, new)):
            found[tag] = (str(old)[:100], str(new)[:100])
    return found


def without_untrue_adobe(before, after):
    """The metadata of a source, less an Adobe segment that a picture coded anew does not keep."""
    old, new = readers.metadata(before), readers.metadata(after)
    adobe = [part for part in old if part[0] == 0xEE and part not in new]
    assert all(payload[:5] == b"Adobe" and payload[11] == 0 for _marker, payload in adobe)
    return [part for part in old if part not in adobe]


def changed_pairs(before, after, names):
    old, new = readers.dumps(before, names), readers.dumps(after, names)
    return {
        name: Pair((before / name).read_bytes(), (after / name).read_bytes(), old[name], new[name])
        for name in names
    }


def hold_hdr(before, after):
    """Hold the HDR picture to the SDR one: the same gain on both, so no more of a difference."""
    old, new = (_stops(data, boost=None) for data in (before, after))
    # Brighter than SDR white: the gain map was found and applied.
    assert old.max() > np.log2(1.5)
    added = new - old
    plain = _stops(after, boost=1) - _stops(before, boost=1)
    assert abs(added.mean() - plain.mean()) < 0.01
    # Half floats and the two renderings round differently.
    assert np.abs(added).mean() < 1.05 * np.abs(plain).mean() + 0.001


def _stops(data, *, boost):
    """Linear light in stops; 1/64, Ultra HDR's own offset, keeps black from counting most."""
    return np.log2(readers.hdr(data, boost=boost)[..., :3].astype(np.float32) + 1 / 64)
