"""Is yours right, and if not, what went wrong?  Examines a Python file with functions or layers of a CNN."""

import sys

try:
    from torch_parity.doctor.command import main
except ImportError as error:
    print(f"doctor.py: {error}; needed are rich and safetensors: pip install 'cnn-reference[doctor]'", file=sys.stderr)
    sys.exit(2)

if __name__ == "__main__":
    sys.exit(main())
