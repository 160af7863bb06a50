"""Engines turn a `ChatRequest` into events. They know no database, no stream and nothing of our HTTP API."""
