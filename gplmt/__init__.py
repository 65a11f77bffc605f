"""gplmt: an interpreter for experiment definitions that run on many machines."""

__version__ = "0.1.0"
