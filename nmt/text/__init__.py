"""Text, targets and languages."""
