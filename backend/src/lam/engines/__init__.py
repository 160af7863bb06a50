"""Engines turn a `ChatRequest` into events. They know no database, no stream and no HTTP of ours."""
