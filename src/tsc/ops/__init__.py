"""What each operator means: one definition per operator, from which everything else is derived."""
