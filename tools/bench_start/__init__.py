"""Times from process start to first answer."""
