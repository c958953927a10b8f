"""What freshly and its peers cost, measured side by side. See README.md."""
