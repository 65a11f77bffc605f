"""`python -m gplmt` is `gplmt`."""

from __future__ import annotations

import sys

from gplmt.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
