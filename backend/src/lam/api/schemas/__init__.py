"""The JSON of the API, one file for each part of it. Made from the values of the layers below, never handed down to them."""
