"""The Slurm engine's command line, `python -m drmaa_cffi.slurm`; what it starts is in `engine`."""
