"""All SQL, one file per kind of row. A repository works inside its caller's unit of work and never commits."""
