"""The app that a live server serves: BENCHMARK_APP names the framework and whose session it has."""

import os

from benchmarks.visits import load

_framework, _session = os.environ["BENCHMARK_APP"].split()

app = load(_framework).make_app(_session)
