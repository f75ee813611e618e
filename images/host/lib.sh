# What the host scripts share. Sourced.
# shellcheck shell=sh

# Paths that a test sets, so that a second engine can be started next to a first.
DOCKER_SOCKET=${JUJULAB_DOCKER_SOCKET:-/var/run/docker.sock}
ENGINE_LOG=${JUJULAB_ENGINE_LOG:-/var/log/jujulab-dockerd.log}
# Says which engine we started; it lies where a reboot, which ends that engine, clears it away.
ENGINE_MARKER=${JUJULAB_ENGINE_MARKER:-/run/jujulab-engine}
# More arguments for dockerd.
ENGINE_OPTIONS=${JUJULAB_ENGINE_OPTIONS:-}
ENGINE_SECONDS=90
# The exit code of jujulab for a host that cannot run a lab.
CANNOT=6

# stop_here SENTENCE [NEXT]: says what is wrong and what to do about it, and ends.
stop_here() {
    echo "ERROR $1" >&2
    [ -z "${2-}" ] || echo "Next: $2" >&2
    exit "$CANNOT"
}

is_root() {
    [ "$(id -u)" -eq 0 ]
}

has() {
    command -v "$1" >/dev/null 2>&1
}

runs_systemd() {
    [ -d /run/systemd/system ] && has systemctl
}

# engine_answers: true if an engine answers where Docker's SDK would look for it.
engine_answers() {
    case ${DOCKER_HOST:-unix://$DOCKER_SOCKET} in
    unix://*) socket=${DOCKER_HOST:-unix://$DOCKER_SOCKET} && socket=${socket#unix://} ;;
    *)
        timeout 20 docker version >/dev/null 2>&1
        return
        ;;
    esac
    # Not with the client: there may be an engine without one.
    [ -S "$socket" ] && timeout 20 python3 - "$socket" >/dev/null 2>&1 <<'EOF'
import socket, sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(10)
    connection.connect(sys.argv[1])
    connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
    sys.exit(b" 200 " not in connection.recv(100))
EOF
}

# started_at PID: when a process started, in the kernel's ticks; a number that is used again has another.
started_at() {
    # The name in brackets may hold blanks; what is behind it does not.
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# apt_install PACKAGE...: installs packages without starting what they bring.
apt_install() {
    has apt-get || stop_here "$* is not installed, and this is neither Debian nor Ubuntu" "install it by hand"
    is_root || stop_here "$* is not installed, and only root can install it" "as root: apt-get install $*"
    echo "installing $*" >&2
    policy=/usr/sbin/policy-rc.d
    guard=''
    if [ ! -e "$policy" ]; then
        guard=$policy
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 0755 "$policy"
    fi
    output=$(
        export DEBIAN_FRONTEND=noninteractive
        { apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@"; } 2>&1 </dev/null
    ) || {
        [ -z "$guard" ] || rm -f "$guard"
        echo "$output" | tail -n 5 >&2
        stop_here "cannot install $*" "see whether this host reaches its package archive"
    }
    [ -z "$guard" ] || rm -f "$guard"
}
