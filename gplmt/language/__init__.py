"""What an experiment is: pure values, one class per XML element, named like it."""
