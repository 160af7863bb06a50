"""The bundled llama.cpp server as a child process, and the demo model."""
