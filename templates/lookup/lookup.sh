#!/bin/sh
# Asks {{ title }} which drivers this machine's devices need, and prints or runs a script that
# installs them.
#
#     sh lookup.sh PRODUCT                prints the script, to be read and run by sh
#     sh lookup.sh PRODUCT --install      runs it; --yes does not ask before packages are installed
#     sh lookup.sh PRODUCT --format NAME  prints the plan as repo, agama, autoyast, kickstart …
#
#     --kernel RELEASE   of the kernel that will run (uname -r); "any": whatever the product has
#     --arch ARCH        its architecture (uname -m)
#     --sysfs DIR        instead of /sys; or a file with one modalias a line
#     --root DIR         installs into the system in DIR
#
# It needs curl; to install also gpg, rpm, and zypper or dnf. It sends names of devices, the kernel's
# release and the architecture, nothing else.
set -eu

portal={{ portal }}

fail() { echo "$*" >&2; exit 2; }
[ $# -gt 0 ] || fail "name the product; $portal/api/v1/products lists them"
product=$1
shift
kernel=$(uname -r) arch=$(uname -m) sysfs=/sys format=shell install= yes= root=/
while [ $# -gt 0 ]; do
    case $1 in
        --install) install=yes; shift; continue ;;
        --yes) yes=--yes; shift; continue ;;
    esac
    [ $# -gt 1 ] || fail "$1 needs a value"
    case $1 in
        --kernel) kernel=$2 ;;
        --arch) arch=$2 ;;
        --sysfs) sysfs=$2 ;;
        --format) format=$2 ;;
        --root) root=$2 ;;
        *) fail "unknown option $1; the head of this script tells which there are" ;;
    esac
    shift 2
done
[ "$kernel" != any ] || kernel=

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -d "$sysfs" ]; then
    find "$sysfs/" -name modalias -type f -exec cat {} + 2>/dev/null | sort -u > "$work/devices" || true
else
    sort -u "$sysfs" > "$work/devices"
fi
[ -s "$work/devices" ] || fail "no device under $sysfs has a modalias"

escape() { printf '%s' "$1" | sed 's/%/%25/g; s/+/%2B/g; s/&/%26/g; s/#/%23/g; s/ /%20/g'; }
question="product=$(escape "$product")&arch=$(escape "$arch")&kernel=$(escape "$kernel")"
status=$(curl --silent --show-error --output "$work/answer" --write-out '%{http_code}' \
    --header 'Content-Type: text/plain' --data-binary "@$work/devices" \
    "$portal/api/v1/lookup?$question&format=$(escape "$format")") || fail "$portal does not answer"
if [ "$status" != 200 ]; then
    cat "$work/answer" >&2
    fail ""
fi
if [ -n "$install" ]; then
    sh "$work/answer" --root "$root" $yes
else
    cat "$work/answer"
fi
