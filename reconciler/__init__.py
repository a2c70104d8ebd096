"""Training jobs as code: compare what should run with what does, then make it so."""

__version__ = "0.1.0"
