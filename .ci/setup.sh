# Sourced by ./run and ./test, which set ROOT: makes .venv hold exactly what a lock file names.
# The second call does nothing: the lock that was installed is kept beside what it installed, and compared.
# shellcheck shell=bash

VENV=$ROOT/.venv
PY=$VENV/bin/python
INSTALLED=$VENV/locks

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Compiled modules make every start three times faster; other Python settings of the caller's shell do harm here.
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Set PYTHON to an interpreter of at least 3.11, the caller's choice first.
find_python() {
    local name
    for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if is_new_enough "$name"; then
            PYTHON=$name
            return
        fi
        [ -z "${PYTHON:-}" ] || break
    done
    name=${PYTHON:-python3}
    die "clawsite needs Python 3.11 or later, and $name is $("$name" --version 2>/dev/null || echo "not there")." \
        "Install it, or say where it is: PYTHON=/path/to/python3 $0"
}

# An interpreter upgraded by the system leaves a .venv whose packages it no longer sees.
is_venv_whole() {
    "$PY" -c 'import os, sys, sysconfig
sys.exit(sys.version_info < (3, 11) or not os.path.isdir(sysconfig.get_path("purelib")))' >/dev/null 2>&1
}

is_installed() {
    cmp -s "$ROOT/$1" "$INSTALLED/${1##*/}" && is_venv_whole
}

# Debian's python3 alone cannot put pip into a venv; its pip can still install into one from outside.
make_venv() {
    is_venv_whole && return
    find_python
    say "Making .venv with $("$PYTHON" --version) ..."
    rm -rf "$VENV"
    "$PYTHON" -m venv "$VENV" >/dev/null 2>&1 || "$PYTHON" -m venv --clear --without-pip "$VENV" ||
        die "Could not make $VENV with $PYTHON."
}

# Set PIP to the command that installs into .venv.
find_pip() {
    if "$PY" -m pip --version >/dev/null 2>&1; then
        PIP=("$PY" -m pip)
        return
    fi
    find_python
    "$PYTHON" -m pip --version >/dev/null 2>&1 ||
        die "pip is missing. On Debian or Ubuntu: apt-get install python3-pip"
    PIP=("$PYTHON" -m pip --python "$PY")
}

pip_install() {
    "${PIP[@]}" install --quiet --disable-pip-version-check --require-hashes -r "$ROOT/$1"
}

# uv is several times faster; pip does the same where uv has no build or does not reach the package index.
install_lock() {
    local uv=$VENV/bin/uv
    if ! { [ -x "$uv" ] && is_installed .ci/uv.txt; }; then
        pip_install .ci/uv.txt || say "Going on without uv, which is slower."
    fi
    if [ -x "$uv" ] && "$uv" pip install --quiet --compile-bytecode --require-hashes --python "$PY" -r "$ROOT/$1"; then
        return
    fi
    pip_install "$1" || die "Could not install $1. Is the package index reachable? Call $0 again to go on."
}

remember() {
    mkdir -p "$INSTALLED"
    cp "$@" "$INSTALLED"
}

# setup LOCK...: install the first lock; the others are parts of it. Two callers at once wait for each other.
setup() {
    is_installed "$1" && return
    mkdir -p "$ROOT/.cache"
    exec 9>"$ROOT/.cache/setup.lock"
    if command -v flock >/dev/null; then
        flock -w 900 9 || die "Another ./run or ./test has been installing for 15 minutes. Stop it and try again."
    fi
    if ! is_installed "$1"; then
        make_venv
        find_pip
        say "Installing $1 into .venv ..."
        install_lock "$1"
        (cd "$ROOT" && remember "$@" .ci/uv.txt)
    fi
    exec 9>&-
}
