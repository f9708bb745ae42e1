"""Which file systems are reached over a network: SQLite's write-ahead log fails on them."""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

# As /proc/self/mountinfo names them; a FUSE type carries its program after the dot.
_NETWORK_TYPES = re.compile(
    r"nfs\d?|cifs|smb3?|smbfs|9p|ncpfs|afs|ceph|glusterfs|lustre|gfs2|ocfs2|beegfs|davfs|virtiofs"
    r"|fuse\.(sshfs|rclone|s3fs|glusterfs|davfs2?|curlftpfs|gcsfuse|goofys|ceph-fuse)"
)
_MOUNTS = Path("/proc/self/mountinfo")


def on_network(folder: Path) -> bool:
    """Tell whether a folder is on another machine, as far as this system says."""
    real = os.path.realpath(folder)
    if sys.platform == "win32":
        return real.startswith("\\\\")
    return _NETWORK_TYPES.fullmatch(_type_of(real)) is not None


def _type_of(real: str) -> str:
    """Return the type of the file system that holds an absolute path, "" where unknown."""
    best, kind = -1, ""
    with suppress(OSError):
        for line in _MOUNTS.read_text(errors="surrogateescape").splitlines():
            fields = line.split(" ")
            # Any number of optional fields stands before the dash (proc_pid_mountinfo(5)).
            point, name = _unescaped(fields[4]), fields[fields.index("-", 6) + 1]
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            # Of two mounts on one point the later one is seen.
            if inside and len(point) >= best:
                best, kind = len(point), name
    return kind


def _unescaped(text: str) -> str:
    r"""Undo the octal escapes of space, tab, newline and backslash: `\040`."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
