"""The only home of the MQTT client."""
