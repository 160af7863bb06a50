"""Conversations: sessions, messages, and the streams that bring replies. Starts runs; knows no HTTP."""
