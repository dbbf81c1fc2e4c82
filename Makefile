# make train         trains NumPy and torch side by side on the bundled MNIST
# make lesson        writes lesson.html, every formula on numbers that one can change: one page to open, keep and mail
# make test          runs the default test suite
# make lowest-numpy  runs the tests of reference/ with the lowest NumPy that pyproject.toml allows, as CI does
# make check         lint, types and the slow tests, as CI does after that
# make versions      runs the default suite on every Python here, with the lowest NumPy and torch and with the newest
# make mutants       breaks reference/ in thousands of ways, one at a time, and counts how many a test notices (about an
#                    hour on two cores)
#
# Each makes the virtual environment .venv first if it is missing or out of date.  pip reads its usual settings (PIP_*) from
# the environment, so an index or a proxy can be chosen there; see README for a build of torch without CUDA.

PYTHON ?= python3
CONSTRAINTS := constraints.txt
TESTS := tests
VENV := .venv
BIN := $(VENV)/bin

.PHONY: train lesson test lowest-numpy versions check mutants
.DELETE_ON_ERROR:

train: $(VENV)/train
	$(BIN)/python scripts/train_mnist.py

lesson: $(VENV)/lesson
	$(BIN)/python scripts/build_lesson.py

test: $(VENV)/test
	$(BIN)/python -m pytest -q -n 2 $(TESTS)

lowest-numpy: $(VENV)/test
	$(BIN)/python scripts/versions.py --lowest-numpy

versions: $(VENV)/test
	$(BIN)/python scripts/versions.py

check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2 -m slow

mutants: $(VENV)/dev
	$(BIN)/python scripts/mutants.py

# One stamp for each set of extras that has been installed.
$(VENV)/%: pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[$*]"
	@touch $@
