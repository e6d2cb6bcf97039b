"""`python -m iron_session`."""

import sys

from iron_session._cli import main

sys.exit(main())
