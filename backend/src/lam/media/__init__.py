"""Pictures: decoded in a child process that may fail, hang or swell without harm, and stored once. It knows no messages."""
