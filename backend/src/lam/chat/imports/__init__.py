"""Sessions from other programs' exports. A child process reads the file; it knows no database."""
