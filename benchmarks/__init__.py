"""Benchmarks that print figures side by side; none of them passes or fails by time."""
