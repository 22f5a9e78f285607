#!/bin/sh
# Make sure of what the tests need beside Python: a browser, the system's own, else Debian's, else
# Playwright's; and nginx and PostgreSQL, without which the tests of a proxy and of that database are
# skipped.
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

# Likewise: an installed one would begin to serve port 5432. What scripts/postgres.py finds is taken.
install_postgresql() {
    folder=$("$python" -c 'import sys; print(sys.prefix)')/postgresql
    for initdb in initdb /usr/lib/postgresql/*/bin/initdb; do
        if "$initdb" --version 2>/dev/null; then return; fi
    done
    if ls "$folder"/usr/lib/postgresql/*/bin/initdb 2>/dev/null; then return; fi
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
    echo "Unpacking PostgreSQL for the tests"
    rm -rf "$folder"
    mkdir -p "$folder"
    # The programs, and those libraries that the system has not; the largest, LLVM, for a compiler of
    # queries that the tests switch off, and all of Perl's, stay away.
    missing=$(apt-get --simulate install --no-install-recommends postgresql 2>/dev/null |
        sed -nE 's/^Inst ((postgresql-(client-)?[0-9]+|lib[^ ]+) .*)/\1/p' | sed 's/ .*//' |
        grep -vE '^lib(llvm|z3|.*perl)' || true)
    # shellcheck disable=SC2086  # a word a package
    (cd "$folder" && apt-get download -qq $missing &&
        for package in ./*.deb; do dpkg-deb -x "$package" . && rm "$package"; done) \
        >/dev/null 2>&1 || true
    if ls "$folder"/usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then return; fi
    echo "There is no PostgreSQL: its tests are skipped"
}

install_browser
install_nginx
install_postgresql
