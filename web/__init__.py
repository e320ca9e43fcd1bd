"""Litestar: the only place that knows HTTP."""
