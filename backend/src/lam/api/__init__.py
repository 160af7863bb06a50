"""HTTP: routes, schemas, who may call, and readers of streams. With `gateway.py` the only home of FastAPI."""
