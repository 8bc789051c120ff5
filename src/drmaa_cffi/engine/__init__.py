"""The engine: a libdrmaa of our own and what stands behind it, for machines with no other.

The rest of the package reaches it through `libdrmaa.so` in this folder, as it reaches any cluster,
and neither imports the other. `core` knows sessions, jobs, records and waits; a back end does what
only a DRM can do: `local` runs processes on this machine.
"""
