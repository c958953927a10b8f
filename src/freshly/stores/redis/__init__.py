"""Redis and Valkey: entries that several processes share, by the rules of docs/concepts/protocol.md."""
