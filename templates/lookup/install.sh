#!/bin/sh
# Installs drivers: imports keys whose fingerprints are those named below, writes .repo files,
# refreshes, installs. Nothing else.
#
#     sh SCRIPT                  asks before packages are installed
#     sh SCRIPT --yes            does not ask
#     sh SCRIPT --root DIR       installs into the system in DIR
#
# It needs curl, gpg, rpm, and zypper or dnf.
set -eu

fail() { echo "$*" >&2; exit 2; }
root=/
yes=
while [ $# -gt 0 ]; do
    case $1 in
        --yes) yes=yes; shift ;;
        --root) [ $# -gt 1 ] || fail "--root needs a folder"; root=$2; shift 2 ;;
        *) fail "unknown option $1; the head of this script tells which there are" ;;
    esac
done
{%- if packages.is_empty() %}
echo "There is no driver to install."
exit 0
{%- endif %}
if command -v zypper >/dev/null; then client=zypper
elif command -v dnf >/dev/null; then client=dnf
else fail "there is neither zypper nor dnf"
fi
for tool in curl gpg rpm awk; do
    command -v "$tool" >/dev/null || fail "this needs $tool, which is not installed"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Imports the keys at an address, if all of them were expected.
trust() {
    curl --fail --silent --show-error --location --output "$work/key" "$1" || fail "cannot fetch $1"
    rm -rf "$work/ring"
    mkdir -m 700 "$work/ring"
    gpg --batch --quiet --homedir "$work/ring" --import "$work/key" 2>/dev/null || fail "$1 holds no key"
    for found in $(gpg --batch --homedir "$work/ring" --with-colons --list-keys 2>/dev/null |
        awk -F: '$1 == "pub" { first = 1 } $1 == "fpr" && first { print $10; first = 0 }'); do
        case " $2 " in
            *" $found "*) ;;
            *) fail "$1 holds the key $found, which was not expected; nothing was installed" ;;
        esac
    done
    rpm --root "$root" --import "$work/key"
}
{% for (url, fingerprints) in keys %}
trust {{ url }} {{ fingerprints }}
{%- endfor %}
case $client in
    zypper) repos=$root/etc/zypp/repos.d ;;
    dnf) repos=$root/etc/yum.repos.d ;;
esac
mkdir -p "$repos"
{%- for (alias, text) in files %}
cat > "$repos/{{ alias }}.repo" <<'END_OF_REPO'
{{ text -}}
END_OF_REPO
{%- endfor %}
set --{% for package in packages %} {{ package }}{% endfor %}
case $client$yes in
    zypper) zypper --root "$root" refresh && zypper --root "$root" install "$@" ;;
    zypperyes) zypper --root "$root" --non-interactive refresh && zypper --root "$root" --non-interactive install "$@" ;;
    dnf) dnf --installroot "$root" install "$@" ;;
    dnfyes) dnf --installroot "$root" --assumeyes install "$@" ;;
esac
{%- for certificate in certificates %}
echo "Secure Boot: enrol {{ certificate }} (mokutil --import), then restart and confirm."
{%- endfor %}
