"""Pure values and bytes: what a chat request is, what events exist, how they are written and folded. No I/O, no clock."""
