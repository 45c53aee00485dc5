"""Side-by-side comparisons: one process a contender, called in turn; nothing here is part of the package."""
