"""What targets stand for that only a run can know."""
