"""A broker of this machine's own, for `lam up --mode mqtt`: Mosquitto where it is installed, else a small one in Python."""
