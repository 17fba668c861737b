"""The paper's empirical sentences as tests: defined in ``claims.yaml``, measured over many pairs and training seeds."""
