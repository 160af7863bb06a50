"""Text from untrusted files, read in a child process that may fail, hang or swell without harm. It knows no messages."""
