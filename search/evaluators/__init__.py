"""Evaluators: from a genotype to a result."""
