"""How fast the reference is: beside torch, beside other NumPy implementations, and as its inputs grow.

``subjects`` are the networks and layers; ``timing`` measures them, ``processes`` does so in fresh processes, and
``report`` draws the conclusions.
"""
