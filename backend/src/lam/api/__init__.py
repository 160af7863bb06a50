"""HTTP: routes, schemas, permissions, and readers of streams. With `gateway.py` the only home of FastAPI.

It reads logs and calls services. It must not write a stream, and knows no SQL.
"""
