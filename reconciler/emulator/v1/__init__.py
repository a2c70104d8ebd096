"""Version 1 of the training API: jobs with numbers and versions."""
