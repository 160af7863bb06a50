"""A typed asynchronous client of the gateway, with resume: for the command line, the benches and the tests. It knows the
contract and nothing of the gateway's code."""
