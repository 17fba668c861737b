"""Training of the book's models, one file a kind of model."""
