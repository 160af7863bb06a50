"""Conversations: sessions, messages, and the streams of their replies. This package starts runs; it must not know HTTP."""
