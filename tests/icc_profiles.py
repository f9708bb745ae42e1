"""Colour profiles built by hand, byte for byte, JPEGs that carry them, and EXIF in their place."""

import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
# The XYZ of red, green and blue under D50, as the makers' own profiles state them.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))
DCI_P3 = ((0.4861, 0.2267, -0.0008), (0.3239, 0.7103, 0.0432), (0.1542, 0.0630, 0.7825))
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def fixed(*values):
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def xyz(values):
    return b"XYZ \0\0\0\0" + fixed(*values)


def curv(*values):
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def gamma(value):
    return curv(round(value * 256))


def para(kind, *values):
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*values)


def desc(text):
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text.encode() + bytes(79)


def mluc(text):
    coded = text.encode("utf-16-be")
    head = struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(coded), 28)
    return b"mluc\0\0\0\0" + head + coded


def tables(columns, power):
    """Build an A2B0 of two nodes a side: a power curve for each channel, then primaries."""
    entries = 256
    curve = np.rint(65535 * (np.arange(entries) / (entries - 1)) ** power).astype(">u2").tobytes()
    nodes = np.array([(r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)])
    light = np.rint(np.maximum(nodes @ np.array(columns), 0) * 32768).astype(">u2").tobytes()
    ends = np.array([0, 65535] * 3, ">u2").tobytes()
    head = b"mft2\0\0\0\0" + bytes((3, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return head + struct.pack(">HH", entries, 2) + curve * 3 + light + ends


def grey_tables(power):
    """Build an A2B0 for one channel: a power curve, then from black to the white of profiles."""
    entries = 256
    curve = np.rint(65535 * (np.arange(entries) / (entries - 1)) ** power).astype(">u2").tobytes()
    light = np.rint(np.array([0, 0, 0, *D50]) * 32768).astype(">u2").tobytes()
    ends = np.array([0, 65535] * 3, ">u2").tobytes()
    head = b"mft2\0\0\0\0" + bytes((1, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return head + struct.pack(">HH", entries, 2) + curve + light + ends


def profile(tags, *, kind=b"mntr", space=b"RGB ", connection=b"XYZ ", version=4):
    """Lay out tags, bytes by signature, behind a header."""
    at = 132 + 12 * len(tags)
    listed, body = b"", b""
    for name, data in tags.items():
        listed += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4sB3x4s4s4s", size, b"none", version, kind, space, connection)
    head += bytes(12) + b"acsp" + bytes(28) + fixed(*D50) + bytes(48)
    return head + struct.pack(">I", len(tags)) + listed + body


def rgb(columns, *curves, name="a test", **header):
    """Build a profile of primaries and one curve for all channels, or one each."""
    red, green, blue = curves * 3 if len(curves) == 1 else curves
    version = header.get("version", 4)
    return profile(
        {
            b"desc": (desc if version == 2 else mluc)(name),
            b"wtpt": xyz(D50),
            **dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, columns), strict=True)),
            b"rTRC": red,
            b"gTRC": green,
            b"bTRC": blue,
        },
        **header,
    )


def grey(curve, **header):
    tags = {b"desc": mluc("grey"), b"wtpt": xyz(D50), b"kTRC": curve}
    return profile(tags, space=b"GRAY", **header)


def parts(data, count=1):
    """Cut a profile into payloads of as many APP2 segments."""
    size = -(-len(data) // count)
    return [
        b"ICC_PROFILE\0" + bytes((number, count)) + data[(number - 1) * size : number * size]
        for number in range(1, count + 1)
    ]


def segments(*payloads):
    return b"".join(b"\xff\xe2" + (len(each) + 2).to_bytes(2) + each for each in payloads)


def carrying(jpeg, *payloads):
    """Put APP2 payloads right behind a JPEG's first two bytes."""
    return jpeg[:2] + segments(*payloads) + jpeg[2:]


def directory(order, at, fields):
    """Return a directory of (tag, type, count, four value bytes) that stands at an offset."""
    body = b"".join(struct.pack(f"{order}HHI", *field[:3]) + field[3] for field in fields)
    return struct.pack(f"{order}H", len(fields)) + body + bytes(4), at + 6 + 12 * len(fields)


def camera(order=">", *, space=0xFFFF, index=b"R03\0", kind=2, interop=True):
    """Build an EXIF segment as cameras write it where they are set to Adobe RGB."""

    def number(value):
        return struct.pack(f"{order}I", value)

    first, exif_at = directory(order, 8, [(0x8769, 4, 1, number(26))])
    assert exif_at == 26
    fields = [(0xA001, 3, 1, struct.pack(f"{order}HH", space, 0))]
    if interop:
        fields.append((0xA005, 4, 1, number(exif_at + 6 + 24)))
    exif, interop_at = directory(order, exif_at, fields)
    last, _ = directory(order, interop_at, [(1, kind, len(index), index[:4])])
    head = (b"II*\0" if order == "<" else b"MM\0*") + number(8)
    payload = b"Exif\0\0" + head + first + exif + last
    return b"\xff\xe1" + (len(payload) + 2).to_bytes(2) + payload


def with_exif(data, segment):
    return data[:2] + segment + data[2:]


DISPLAY_P3_PROFILE = rgb(DISPLAY_P3, para(3, *SRGB_CURVE), name="Display P3")
