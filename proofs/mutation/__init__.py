"""Change the core a little, many times, and see whether a test notices.

``python -m proofs.mutation`` takes a sample, by a seed, of all places in functions of ``freshly.core``
where something can be changed (``sites``), and plays to each changed core the tests that call the
changed function (``player``). A change that no test notices is printed: a test is missing, or it
changes nothing.

- ``sites``: what can be changed, and the changed code
- ``player``: pytest, collected once; for each change a forked process that swaps one function's code
- ``__main__``: the sample, and its table
"""
