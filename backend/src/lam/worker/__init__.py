"""A LAM worker: takes jobs from gateways over MQTT, runs an engine beside the model, publishes frames. It needs no database."""
