"""`python -m tests.reliability.mutations`; see `run`."""

import sys

from tests.reliability.mutations.run import main

sys.exit(main())
