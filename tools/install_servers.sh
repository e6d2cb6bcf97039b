#!/usr/bin/env bash
# Install Redis and PostgreSQL, for the tests of the stores, and the proxies of docs/how-to/deploy.md:
# Debian's packages, if possible. The tests run servers of their own: no service needs to be started.
set -euo pipefail

has_redis() { command -v redis-server >/dev/null || command -v valkey-server >/dev/null; }
has_postgresql() { command -v initdb >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; }
has_proxies() {
	local PATH="$PATH:/usr/sbin"
	command -v nginx >/dev/null && command -v caddy >/dev/null && command -v haproxy >/dev/null &&
		command -v apache2 >/dev/null
}

if has_redis && has_postgresql && has_proxies; then
	exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	# Debian starts what is installed, unless this file forbids it.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		trap 'rm -f "$policy"' EXIT
	fi
	packages="redis-server postgresql nginx caddy haproxy apache2-bin"
	echo "Installing Debian's $packages"
	apt-get update -qq
	# shellcheck disable=SC2086 # several words
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
	exit 0
fi
# No error yet: the tests that need them are skipped and say so; in CI they fail.
echo "Redis, PostgreSQL or a proxy was not found: on Debian, apt-get install redis-server postgresql \
nginx caddy haproxy apache2-bin" >&2
