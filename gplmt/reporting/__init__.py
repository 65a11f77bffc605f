"""What people see of a run, made from its record alone; also of old runs and crashed ones."""
