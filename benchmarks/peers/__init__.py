"""One file for each library: adapters, listed in ADAPTERS."""
