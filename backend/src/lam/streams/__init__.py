"""Streams remember: the numbered log of one generation, which any number of readers follow."""
