"""Change the core a little, many times, and see whether a test notices.

``python -m proofs.mutation`` takes a sample, by a seed, of all places in functions of ``freshly.core``
where something can be changed (``sites``), and plays to each changed core the tests that run the
changed lines (``player``). A change that no test notices is printed: a test is missing, or it changes
nothing (``argued``). ``--site NAME --tests tests/core/test_flight.py`` makes one change alone and runs
these tests as they are: so a test that was written for a change is tried.

- ``sites``: what can be changed, and the changed code
- ``reach``: which tests run which lines, noted once
- ``player``: pytest, collected once; for each change a forked process that swaps one function's code
- ``argued``: changes that nobody can notice, and why
- ``__main__``: the sample, and its table
"""
