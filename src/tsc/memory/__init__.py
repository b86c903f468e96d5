"""Memory that several arrays show."""
