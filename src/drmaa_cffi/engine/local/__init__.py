"""The back end that runs jobs as processes of this machine, from a queue with slots."""
