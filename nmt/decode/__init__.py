"""Decoding: from sources to translations."""
