"""The room of the waits: who waits for which job, and how its record gets there."""
