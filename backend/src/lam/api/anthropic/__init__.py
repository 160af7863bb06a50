"""Anthropic's interface: its failures. The shapes are in `protocol/anthropic.py` and `protocol/anthropic_reply.py`."""
