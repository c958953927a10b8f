"""From values to bytes and back: frames, codecs, and what protects them on the way.

docs/concepts/wire.md has the format byte by byte.
"""
