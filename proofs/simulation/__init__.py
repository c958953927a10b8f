"""Deterministic simulation of the real code: one seed is one history.

``python -m proofs.simulation`` runs the real cache, engine, store and client, byte for byte, in
several processes that are no processes, over a network that is none, on time that only moves when
nothing is left to do. Everything that chance decides, a seed decides.

- ``world``: the time that all share, and what happens next
- ``loop``: the event loop of one process, on its own clock
- ``actors``: its threads, of which one at a time runs; ``fibres``: what they run on
- ``process``: one process: loop, threads, cache, and its death
- ``network``, ``pipe``: connections that are slow, lossy, half open
- ``node``, ``session``, ``database``, ``lua``, ``reply``: a server, with its replicas in ``site``
- ``plan``: what a seed decides beforehand: steps, faults, speeds
- ``workload``, ``faces``: what the processes do
- ``faults``: what goes wrong meanwhile
- ``run``, ``verdict``: one history, and the judgement
- ``shrink``, ``campaign``, ``table``: many histories; a failing one made small
- ``mutants``: the code with a guard taken out, which has to be noticed
"""
