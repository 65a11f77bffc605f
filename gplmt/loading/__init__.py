"""XML to model: the only room that imports lxml."""

from gplmt.loading.load import Loaded, load

__all__ = ["Loaded", "load"]
