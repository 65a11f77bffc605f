"""XML to model: the only room that imports lxml."""
