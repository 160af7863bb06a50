"""One file per migration. A migration must not import the present tables: they change after it."""
