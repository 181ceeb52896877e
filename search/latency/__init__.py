"""Latency predictors for search spaces: networks are drawn, exported, measured, and a predictor is fitted."""
