"""Speed and reliability, measured in one run against the usual ways to the same paths."""
