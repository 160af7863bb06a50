"""Doubles that speak the wire protocol, for faults and rates that real programs cannot produce on demand."""
