"""How good a model is: scores, every direction of the tests, reports."""
