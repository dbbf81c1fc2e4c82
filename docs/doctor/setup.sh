#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image.  The zip holds this file, run_autograder, weights.json, and this
# project as the folder cnn-reference.  To try it elsewhere, set AUTOGRADER to a folder with the zip's content in source/.
set -euo pipefail

AUTOGRADER=${AUTOGRADER:-/autograder}
PYTHON=${PYTHON:-python3.11}  # or newer

command -v "$PYTHON" > /dev/null || { apt-get update && apt-get install -y "$PYTHON" "$PYTHON-venv"; }
"$PYTHON" -m venv "$AUTOGRADER/venv"
# Without PyTorch's index for CPUs pip fetches gigabytes of CUDA; PIP_EXTRA_INDEX_URL may name it.
"$AUTOGRADER/venv/bin/pip" install --constraint "$AUTOGRADER/source/cnn-reference/constraints.txt" \
    "$AUTOGRADER/source/cnn-reference[doctor]"
