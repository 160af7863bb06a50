"""Replies for programs: runs without a session, whose text nobody stores. It knows no program's format and no HTTP."""
