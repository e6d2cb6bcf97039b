#!/usr/bin/env bash
# Install valgrind, which counts instructions: Debian's package, if possible.
set -euo pipefail

if command -v valgrind >/dev/null; then
	exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	echo "Installing Debian's valgrind"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends valgrind >/dev/null
fi
# No error: tools/count_instructions.py says that valgrind is missing, and decides whether that is one.
