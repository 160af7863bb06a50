"""Who somebody is: passwords, tokens, accounts. Knows no HTTP."""
