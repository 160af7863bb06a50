"""Doubles that speak the wire protocol, for faults and rates that real programs cannot produce on demand.

They are product code for tests and benches; the gateway must not import them.
"""
