"""Utilities that every part of the package may use. Importing them imports no Keras."""
