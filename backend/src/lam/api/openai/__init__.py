"""OpenAI's interface: routes, answers and readers. The shapes are in `protocol/openai.py`; it must not start a run itself."""
