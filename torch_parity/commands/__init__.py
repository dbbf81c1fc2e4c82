"""The command lines: arguments in, one call, output out; as ``scripts/`` and ``cnn-reference NAME``."""
