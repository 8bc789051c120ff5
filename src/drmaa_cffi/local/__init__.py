"""The local engine's command line, `python -m drmaa_cffi.local`; what it starts is in `engine`."""
