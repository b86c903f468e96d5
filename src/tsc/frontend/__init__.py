"""From source to the `torch` dialect: one reader for live functions and for the code in archives."""
