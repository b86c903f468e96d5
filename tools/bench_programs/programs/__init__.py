"""Programs as users write them: what is measured, scripted from source."""
