"""Sessions, jobs, records, waits, the store and the protocol: what every back end needs."""
