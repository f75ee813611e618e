# Getting an agent binary onto this machine: sourced by juju-init and upgradectl.
# shellcheck shell=sh

DATA_DIR=${JUJULAB_DATA_DIR:-/var/lib/juju}
TOOLS=$DATA_DIR/tools
# More than any agent holds; what unpacks to more is meant to fill the disk.
MAX_UNPACKED_BYTES=1073741824

# boundary NAME: waits here if somebody wants this process stopped at this point, by the rules of
# core/jujulab_core/boundary.py.
boundary() {
    wrench=$DATA_DIR/wrench
    [ -d "$wrench" ] && [ -O "$wrench" ] && [ -z "$(find "$wrench" -maxdepth 0 -perm /022)" ] || return 0
    [ ! -e "$wrench/passed" ] || echo "$(date +%s.%6N) $1" >>"$wrench/passed"
    [ -e "$wrench/stop-at" ] && [ "$(cat "$wrench/stop-at")" = "$1" ] || return 0
    mv "$wrench/stop-at" "$wrench/stopped-at" || return 0
    looks=2400
    while [ -e "$wrench/stopped-at" ] && [ "$looks" -gt 0 ]; do
        looks=$((looks - 1))
        sleep 0.05
    done
}

# die STATUS SENTENCE: one sentence on stderr, and out.
die() {
    status=$1
    shift
    echo "$*" >&2
    exit "$status"
}

# is_complete BINARY: true if tools/BINARY holds an agent. Such a directory only ever appears by a rename of one that
# was verified and synced, so looking for its files is enough.
is_complete() {
    [ -f "$TOOLS/$1/jujud" ] && [ -x "$TOOLS/$1/jujud" ] && [ -s "$TOOLS/$1/downloaded-tools.txt" ]
}

# The longest that a download may take; a first boot waits for as long.
FETCH_SECONDS=1800

# fetch URL CA FILE SIZE: downloads URL to FILE, over TLS verified with CA; never writes much more than SIZE bytes.
# A controller's certificate is verified for its one name, whatever address it is reached at.
fetch() {
    url=$1
    set -- "$@" --silent --show-error --fail --noproxy '*' --connect-timeout 10 \
        --speed-limit 1024 --speed-time 30 --max-time "$FETCH_SECONDS" --proto '=https' --cacert "$2" --output "$3"
    case $url in
    https://*/model/*/tools/*)
        rest=${url#https://}
        host=${rest%%/*}
        port=443
        case $host in
        *]) ;;
        *:*) port=${host##*:} host=${host%:*} ;;
        esac
        set -- "$@" --connect-to "juju-apiserver:$port:$host:$port"
        url=https://juju-apiserver:$port/${rest#*/}
        ;;
    esac
    # In blocks of 512 bytes. An endless body ends here instead of filling the disk. The lock of an upgradectl that was
    # killed does not outlive it in here.
    (
        ulimit -f $(($4 / 512 + 2))
        shift 4
        exec curl "$@" "$url" 9>&-
    )
}

# verify FILE SHA256 SIZE: fails with the reason on stderr if FILE is not what was promised.
verify() {
    size=$(stat -c %s "$1") || return 1
    if [ "$size" != "$3" ]; then
        echo "cannot unpack agent binaries: tarball size mismatch, expected $3, got $size" >&2
        return 1
    fi
    sum=$(sha256sum "$1") || return 1
    sum=${sum%% *}
    if [ "$sum" != "$2" ]; then
        echo "cannot unpack agent binaries: tarball sha256 mismatch, expected $2, got $sum" >&2
        return 1
    fi
}

# only_plain_files TARBALL: fails with the reason on stderr if it holds anything but plain files at the root.
only_plain_files() {
    listing=$(tar --list --verbose --numeric-owner --gzip --file "$1") || {
        echo "cannot unpack agent binaries: it is not a gzipped tar archive" >&2
        return 1
    }
    echo "$listing" | awk -v max="$MAX_UNPACKED_BYTES" '
        function refuse(why) { print "cannot unpack agent binaries: " why > "/dev/stderr"; bad = 1; exit 1 }
        /./ {
            name = $0
            # Permissions, owner, size, date, time, then the name as it is.
            sub(/^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ /, "", name)
            if ($0 !~ /^-/) refuse("bad file type " substr($0, 1, 1) " in file \"" name "\" in agent binary archive")
            if (name ~ /[\/\\]/ || name == "") refuse("bad name \"" name "\" in agent binary archive")
            if (seen[name]++) refuse("duplicate file \"" name "\" in agent binary archive")
            total += $3
            if (total > max) refuse("the archive unpacks to more than " max " bytes")
        }
        END { if (!bad && !seen["jujud"]) refuse("no file \"jujud\" in agent binary archive") }'
}

# unpack TARBALL BINARY URL SHA256 SIZE: makes tools/BINARY from a verified tarball; it appears complete or not at all.
unpack() {
    only_plain_files "$1" || return 1
    new=$(mktemp -d "$TOOLS/unpacking-sh-XXXXXX") || return 1
    tar --extract --gzip --no-same-owner --no-same-permissions --directory "$new" --file "$1" &&
        printf '{"version":"%s","url":"%s","sha256":"%s","size":%s}' "$2" "$3" "$4" "$5" >"$new/downloaded-tools.txt" &&
        chmod 0755 "$new" "$new/jujud" &&
        chmod 0644 "$new/downloaded-tools.txt" &&
        sync "$new"/* "$new" &&
        # Where another was faster, its copy stays; what is damaged makes room.
        { is_complete "$2" || { rm -rf "${TOOLS:?}/$2" && mv --no-target-directory "$new" "$TOOLS/$2"; }; } &&
        sync "$TOOLS"
    status=$?
    rm -rf "$new"
    return $status
}

# link TAG BINARY: makes tools/TAG lead to tools/BINARY; at every moment it leads to one or the other.
link() {
    ln --symbolic --force --no-target-directory "$TOOLS/$2" "$TOOLS/.$1.new" &&
        mv --force --no-target-directory "$TOOLS/.$1.new" "$TOOLS/$1"
}
