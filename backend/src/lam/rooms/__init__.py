"""Rooms for a class or an event: a code lets people in, and each has a session of their own on the room's terms."""
