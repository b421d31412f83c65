"""The model and its folder."""
