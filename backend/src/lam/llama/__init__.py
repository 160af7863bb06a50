"""The bundled llama.cpp server as a child process, and the demo model.

The engines must not know it: to them it is a server like any other.
"""
