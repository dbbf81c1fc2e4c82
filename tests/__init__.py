"""All tests.  They mirror the packages, file by file; ``scripts/`` runs the command lines as a user does."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
