"""The model and the rules: no web framework, no channel vendor."""
