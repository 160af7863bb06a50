"""Replies for programs: runs without a session, whose text is stored only where `lam.toml` says so. It knows no HTTP and, but for
vectors, no program's format."""
