"""Doubles that speak the wire protocol, for faults and rates that the real programs cannot be made to show."""
