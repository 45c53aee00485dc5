"""A second evaluator of certificates, in exact fractions and mpmath's intervals.

It shares no formula with the rest of the package: the statements are written down again from the paper, and nothing
here imports anything from outside this folder.
"""
