#!/usr/bin/env python3
"""Run an experiment: `gplmt-light.py FILE [options]` is `gplmt run FILE [options]`."""

import sys

from gplmt.cli.main import main_light

if __name__ == "__main__":
    sys.exit(main_light())
