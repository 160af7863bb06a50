"""What OpenAI's interface says of itself, and its failures. The shapes are in `protocol/openai.py`, the routes in `api/routers`."""
