"""The maze: its rules, what a model reads and answers, games without a model, and the sets that come with the product."""
