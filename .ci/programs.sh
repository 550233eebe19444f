# Sourced by ./test, which sets ROOT: finds the programs that tests need, and installs them where it may.
# shellcheck shell=bash

# Print the path of a program, or fail. Debian keeps PostgreSQL's programs off PATH, and servers off a plain user's.
find_program() {
    local path
    if path=$(command -v "$1"); then
        printf '%s\n' "$path"
        return
    fi
    for path in /usr/lib/postgresql/*/bin/"$1" /usr/sbin/"$1"; do
        [ -x "$path" ] && printf '%s\n' "$path" && return
    done
    return 1
}

# Print the lines of .ci/programs whose program is missing.
missing_programs() {
    local program rest
    while read -r program rest; do
        case $program in '' | '#'*) continue ;; esac
        find_program "$program" >/dev/null || printf '%s %s\n' "$program" "$rest"
    done <"$ROOT/.ci/programs"
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# Tests start their own servers. Debian's packages would start one each, and make a database cluster: not here.
apt_install() (
    policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.conf
    if [ ! -e "$cluster" ]; then
        mkdir -p "${cluster%/*}"
        echo 'create_main_cluster = false' >"$cluster"
    fi
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    mkdir -p "$ROOT/.cache"
    if ! { apt_get update && apt_get install "$@"; } >"$ROOT/.cache/apt.log" 2>&1; then
        tail -n 20 "$ROOT/.cache/apt.log" >&2
        return 1
    fi
)

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-confold --no-install-recommends "$@"
}

# Install what is missing where that is possible; else say what is skipped, and fail when CI=true.
prepare_programs() {
    local missing packages
    missing=$(missing_programs)
    [ -n "$missing" ] || return 0
    packages=$(printf '%s\n' "$missing" | cut -d ' ' -f 2 | tr '\n' ' ')
    if may_install; then
        say "Installing Debian packages: $packages..."
        # shellcheck disable=SC2086  # a list of words
        apt_install $packages || say "apt-get could not install them."
        missing=$(missing_programs)
        [ -n "$missing" ] || return 0
    fi
    say "Missing on this machine:"
    printf '%s\n' "$missing" | while read -r program _ reason; do say "  $program: $reason"; done
    say "To have them on Debian or Ubuntu: sudo apt-get install $packages"
    [ "${CI:-}" != true ] || die "With CI=true nothing may be missing."
}

# OpenClaw is no Debian package, and large: it is put in where those are, and elsewhere only when asked for.
prepare_openclaw() {
    local install=$ROOT/.ci/openclaw/install
    "$install" --check && return
    if [ "${CI:-}" = true ] || may_install; then
        "$install" && return
    fi
    say "Missing: OpenClaw: tests against its command line and its gateway are skipped."
    say "To have it (820 MB in .cache): .ci/openclaw/install"
    [ "${CI:-}" != true ] || die "With CI=true nothing may be missing."
}
