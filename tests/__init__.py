"""Tests of entropy_theory."""
