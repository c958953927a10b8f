"""The near tier: entries of a server, kept in the process as well."""
