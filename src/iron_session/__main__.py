"""`python -m iron_session`."""

import sys

from iron_session.cli import main

sys.exit(main())
