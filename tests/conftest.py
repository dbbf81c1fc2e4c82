"""One thread for each test process: the suite takes all cores by processes, and threads would wait for one another."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy and torch are imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
