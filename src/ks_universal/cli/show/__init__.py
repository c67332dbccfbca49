"""What a run, a plan and a record look like for people and for programs."""
