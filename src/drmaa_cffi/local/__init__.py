"""The local engine: a real libdrmaa for machines without a cluster, and what runs its jobs.

Nothing is imported here: programs reach the engine through `libdrmaa.so` in this folder, as
they reach any cluster, and `python -m drmaa_cffi.local` is its command line.
"""
