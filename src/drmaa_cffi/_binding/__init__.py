"""The room for C: calls, their results, and text. Nothing else touches ``ffi`` and ``lib``."""
