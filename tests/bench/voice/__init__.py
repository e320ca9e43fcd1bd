"""The bench of the voice loop: a hub, its engines and its callers in processes of their own. See `__main__`."""
