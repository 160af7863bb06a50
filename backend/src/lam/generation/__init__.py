"""Pumps an engine's events into a stream's log and ends each run exactly once. Writes; never knows who reads."""
