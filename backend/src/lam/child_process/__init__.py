"""A child process that reads one hostile file, and may fail, hang or swell without harm. It knows no format."""
