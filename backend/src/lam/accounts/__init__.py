"""Identity: passwords, tokens, accounts. It must not know HTTP."""
