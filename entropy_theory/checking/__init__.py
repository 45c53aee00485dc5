"""The checker: claims as data, searched in floats and decided in balls."""
