"""How to reach nodes: one module per kind of address."""
