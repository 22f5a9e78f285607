#!/bin/sh
# Make sure of a browser for the tests: the system's own, else Debian's, else Playwright's.
# usage: install_browser.sh PYTHON
set -eu
python=$1

ready() {
    # Playwright brings its own Node.js, which misses libatomic on a bare Debian.
    "$python" -m playwright --version >/dev/null 2>&1 || return 1
    for name in chromium chromium-browser; do  # what tests/browser looks for
        # Ubuntu's may be an empty shell around a snap that is not there: run it.
        if "$name" --version 2>/dev/null; then return 0; fi
    done
    return 1
}

if ready; then exit; fi
echo "Installing Chromium for the tests"
superuser=
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    superuser=yes
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        chromium fonts-liberation libatomic1 >/dev/null || true
    if ready; then exit; fi
fi
"$python" -m playwright install ${superuser:+--with-deps} chromium
