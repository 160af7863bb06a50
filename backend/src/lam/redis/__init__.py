"""The Redis that several gateways share: the link to it, signals, counts of attempts. Only this room imports its client.

Redis owns nothing: what it loses is written anew or no longer needed.
"""
