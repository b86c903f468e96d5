"""How sizes that the program finds are written: counts, places, and operators in terms of those."""
