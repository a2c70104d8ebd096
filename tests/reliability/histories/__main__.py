"""`python -m tests.reliability.histories`; see `run`."""

import sys

from tests.reliability.histories.run import main

sys.exit(main())
