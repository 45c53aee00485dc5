"""The paper, one file a numbered statement, named as the paper numbers it.

M. Lei, C. Baehr, *A Comparative Theoretical Analysis of Entropy Control Methods in Reinforcement Learning*,
arXiv:2604.09676.

Each file states the claim as printed and, where that fails, the line that holds in its place, with wrong variants
(mutants) that the same routine must refute. Nothing here says what the outcome is. A file has a tuple ``CLAIMS`` and
a number ``POSITION`` that gives its place in the paper.
"""
