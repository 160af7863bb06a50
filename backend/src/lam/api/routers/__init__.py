"""Routes, one file for each part of the API: read the request, ask a service, shape the answer."""
