"""From a function at stage `frozen` and the shapes of its arguments to something that runs."""
