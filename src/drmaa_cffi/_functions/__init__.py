"""What serves drmaa_cffi.functions: the files of calls, and the program that runs them in jobs."""
