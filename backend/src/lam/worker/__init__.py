"""A LAM worker: takes jobs from gateways over MQTT, runs an engine beside the model, and publishes frames.

It needs no database and must not import one.
"""
