"""Version 2 of the training API: jobs with UUIDs, each a single run."""
