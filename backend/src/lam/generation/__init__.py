"""Runs: each one pumps a producer's events into a stream log and ends exactly once.

This package writes logs. It must not know who reads them, nor what a run is about.
"""
