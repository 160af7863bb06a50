"""A typed asynchronous client of the gateway, with resume: for the command line, the benches and the tests.

It imports the protocol and the errors, and nothing else of the gateway.
"""
