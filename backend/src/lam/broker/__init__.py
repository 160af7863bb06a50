"""A broker on this machine, for `lam up --mode mqtt`: Mosquitto when it is installed, otherwise a small one in Python.

It knows no topics.
"""
