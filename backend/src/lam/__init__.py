"""LAM Studio: self-hosted chat that streams replies from models people run themselves."""

__version__ = "0.1.0"
