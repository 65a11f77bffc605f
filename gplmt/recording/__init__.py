"""What remains of a run: run directory, record, logs, terminal."""
