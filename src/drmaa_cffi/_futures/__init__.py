"""The room of the futures: a job as a future, its status, the last of its errors."""
