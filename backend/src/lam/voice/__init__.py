"""`lam voice`: a server that speaks and listens, with OpenAI's API, as a process of its own.

Its libraries are optional, and one of them is under the GPL (piper-tts): nothing outside of this room may import them.
"""
