"""The room of the job template: its attributes, and how their values are written."""
