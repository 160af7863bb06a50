"""The only home of the MQTT client. It knows no jobs and no topics."""
