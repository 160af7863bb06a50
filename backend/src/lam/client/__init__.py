"""A typed asynchronous client of the gateway, with resume: used by the command line, the benches and the tests."""
