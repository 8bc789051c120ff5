"""The back end that has Slurm queue and run the jobs, by Slurm's own commands."""
