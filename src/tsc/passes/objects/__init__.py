"""Objects of a module in the IR: what they hold, and which functions their methods are."""
