"""Genotype × skeleton → network: a description that a builder turns into a Keras model, or into its cost."""
