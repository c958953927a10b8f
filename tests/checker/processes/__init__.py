"""The promise, judged over several real processes on one server.

    python -m tests.checker.processes --seconds 10 --processes 4 --faults kill,restart,evict

- ``source``: what is read and written: versions in a file that all processes share
- ``plan``: what a run is told, as text, so that it reaches a process of its own
- ``worker``: one process; its ``crowd`` of readers and writers are ``tasks`` or ``threads``
- ``caches``: what is judged: freshly, and two caches that show that the judge can tell
- ``mutants``: freshly with a guard taken out
- ``faults``, ``group_faults``, ``cluster_faults``: what goes wrong meanwhile, with ``standstill``
- ``run``: start the processes, do the faults, judge the journals
"""
