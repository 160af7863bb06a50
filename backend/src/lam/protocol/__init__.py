"""The vocabulary: requests, events, and how they are encoded and folded. Pure values and bytes; no I/O and no clock."""
