"""The schema of experiment documents, as `gplmt.rnc` (written) and `gplmt.rng` (generated)."""
