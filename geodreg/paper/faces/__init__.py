"""The face DCGAN that somebody else trained: what is compared on it, by which rules, and the table of the results."""
