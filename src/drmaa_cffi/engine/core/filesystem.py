"""What kind of file system a folder lies on: a database on a shared one needs other care."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: Those that several machines use at once. What FUSE mounts often is one (`fuse.sshfs`), and may
#: refuse shared memory.
_SHARED = re.compile(
    r"nfs\d?|lustre|gpfs|beegfs|fhgfs|cifs|smb\d|smbfs|ceph|afs|9p|panfs|wekafs|pvfs2|orangefs|"
    r"glusterfs|ocfs2|gfs2|fuse(\..*)?"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def kind_of(folder: Path) -> str:
    """The kind of the file system that a folder lies on; empty where nothing tells."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    real = os.path.realpath(folder)
    found, longest = "", -1
    for line in lines:
        mount, _, system = line.partition(" - ")
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), mount.split()[4])
        # A later mount on the same point hides the one before it.
        if len(point) >= longest and _is_below(real, point):
            found, longest = system.split()[0], len(point)
    return found


def is_shared(folder: Path) -> bool:
    """Whether other machines may use the folder at the same time."""
    return _SHARED.fullmatch(kind_of(folder)) is not None


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
