"""LAM Studio: self-hosted chat that streams replies from models people run themselves."""
