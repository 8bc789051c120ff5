"""``python -m drmaa_cffi.cli`` is the command ``drmaa-cffi``."""

from __future__ import annotations

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
