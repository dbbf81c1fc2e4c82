"""How fast the reference is: beside torch, beside other NumPy implementations, and as its inputs grow.

``subjects`` are the networks and layers, ``peers`` other implementations, ``scaling`` sizes that grow; ``timing``
measures them side by side, ``profile`` finds where a step goes, and ``layer_times`` how long each layer of a network
takes.  ``measurements`` has all of it done by ``processes``, in fresh processes that run ``worker``.
"""
