#!/usr/bin/env bash
# Install Redis and PostgreSQL, for the tests of the stores: Debian's packages, if possible.
set -euo pipefail

has_redis() { command -v redis-server >/dev/null || command -v valkey-server >/dev/null; }
has_postgresql() { command -v initdb >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; }

if has_redis && has_postgresql; then
	exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	echo "Installing Debian's redis-server and postgresql"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server postgresql >/dev/null
	exit 0
fi
# No error yet: the tests that need them are skipped and say so; in CI they fail.
echo "Redis or PostgreSQL was not found: on Debian, apt-get install redis-server postgresql" >&2
