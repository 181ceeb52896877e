"""What every part of the package may use. Keras is not imported here."""
