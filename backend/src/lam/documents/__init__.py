"""Text from files that strangers send: read in a child process that may fail, hang or swell without harm."""
