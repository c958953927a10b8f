"""The coherence protocol as an executable model.

``python -m proofs.model`` explores every interleaving of a family of bounded scenarios with all
guards of the protocol on, then takes the guards away one by one and shows what breaks. The protocol
itself is in ``docs/concepts/protocol.md``; a guard here names the section there.
"""
