"""Stream logs: the numbered events of one run, which any number of readers follow. They know neither engines nor messages."""
