"""All SQL, one file for each kind of row. A repository works inside somebody else's unit of work and never commits."""
