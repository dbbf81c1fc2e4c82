"""Tests of the styles of students' code."""
