"""Executable proofs of what the library promises."""
