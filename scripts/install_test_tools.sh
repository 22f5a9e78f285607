#!/bin/sh
# Make sure of what the tests need beside Python: a browser, the system's own, else Debian's, else
# Playwright's; and nginx, without which the tests of a proxy are skipped.
# usage: install_test_tools.sh PYTHON
set -eu
python=$1
superuser=
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then superuser=yes; fi

browser() {
    # Playwright brings its own Node.js, which misses libatomic on a bare Debian.
    "$python" -m playwright --version >/dev/null 2>&1 || return 1
    for name in chromium chromium-browser; do  # what tests/browser looks for
        # Ubuntu's may be an empty shell around a snap that is not there: run it.
        if "$name" --version 2>/dev/null; then return 0; fi
    done
    return 1
}

install_browser() {
    if browser; then return; fi
    echo "Installing Chromium for the tests"
    if [ "$superuser" ]; then
        apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            chromium fonts-liberation libatomic1 >/dev/null || true
        if browser; then return; fi
    fi
    "$python" -m playwright install ${superuser:+--with-deps} chromium
}

# Unpacked beside Python and not installed: an installed one would begin to serve port 80.
install_nginx() {
    folder=$("$python" -c 'import sys; print(sys.prefix)')/nginx
    for nginx in nginx /usr/sbin/nginx "$folder/usr/sbin/nginx"; do
        if "$nginx" -v 2>/dev/null; then return; fi
    done
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
    echo "Unpacking nginx for the tests"
    if [ "$superuser" ]; then apt-get update -qq || true; fi
    rm -rf "$folder"
    mkdir -p "$folder"
    for package in nginx nginx-light; do  # which of the two has the program is the system's
        (cd "$folder" && apt-get download -qq "$package" && dpkg-deb -x "$package"_*.deb .) \
            >/dev/null 2>&1 || true
        if "$folder/usr/sbin/nginx" -v 2>/dev/null; then return; fi
    done
    echo "There is no nginx: the tests of a proxy are skipped"
}

install_browser
install_nginx
