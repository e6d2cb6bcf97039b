#!/usr/bin/env bash
# Install Chromium and its driver, for the tests that run in a browser: Debian's packages, if possible.
set -euo pipefail

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
	exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	echo "Installing Debian's chromium and chromium-driver"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null
	exit 0
fi
# No error yet: IRON_SESSION_CHROMIUM and IRON_SESSION_CHROMEDRIVER may name the paths; otherwise the
# test that needs them fails and says so.
echo "Chromium and chromedriver were not found on PATH: on Debian, apt-get install chromium chromium-driver" >&2
