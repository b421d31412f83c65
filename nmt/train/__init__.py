"""Training: from batches to a model directory."""
