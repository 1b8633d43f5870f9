#!/bin/sh
# Sets up {{ title }}.
#
# It fetches the key that signs the repository, shows its fingerprint and asks; takes the vendors'
# keys only if that key signed the list of them; imports the keys into rpm; writes one .repo file;
# refreshes. Nothing else. Read it before you run it:
#
#     sh {{ script }}                            asks before it trusts a key
#     sh {{ script }} --fingerprint 'ABCD …'     does not ask; stops unless the key is this one
#     sh {{ script }} --root DIR                 sets up the system in DIR
#     sh {{ script }} --client dnf               where zypper is there, too
#
# It needs curl, gpg, rpm, and zypper or dnf. It ends with 0 when all is set up, with 1 when nothing
# was changed because a key was not trusted, and with 2 for everything else.
set -eu

alias={{ alias }}
key_url={{ key_url }}
keys_url={{ keys_url }}

fail() { echo "$*" >&2; exit 2; }
plain() { printf '%s' "$1" | tr -d ' :\t\n' | tr 'a-f' 'A-F'; }

root=/
pinned=
client=
while [ $# -gt 0 ]; do
    case $1 in
        --fingerprint) [ $# -gt 1 ] || fail "--fingerprint needs a value"; pinned="$pinned $(plain "$2")"; shift 2 ;;
        --root) [ $# -gt 1 ] || fail "--root needs a folder"; root=$2; shift 2 ;;
        --client) [ $# -gt 1 ] || fail "--client needs zypper or dnf"; client=$2; shift 2 ;;
        *) fail "unknown option $1; the head of this script tells which there are" ;;
    esac
done
for tool in curl gpg rpm awk; do
    command -v "$tool" >/dev/null || fail "this needs $tool, which is not installed"
done
if [ -z "$client" ]; then
    if command -v zypper >/dev/null; then client=zypper; else client=dnf; fi
fi
command -v "$client" >/dev/null || fail "there is no $client"
case $client in
    zypper) repos=etc/zypp/repos.d ;;
    dnf) repos=etc/yum.repos.d ;;
    *) fail "--client is zypper or dnf" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -m 700 "$work/portal" "$work/vendors"
fetch() { curl --fail --silent --show-error --location --output "$work/$2" "$1" || fail "cannot fetch $1"; }
import() { gpg --batch --quiet --homedir "$work/$1" --import "$work/$2" 2>/dev/null || fail "$2 holds no keys"; }
fingerprints() { gpg --batch --homedir "$work/$1" --with-colons --fingerprint --list-keys 2>/dev/null |
    awk -F: '$1 == "pub" { first = 1 } $1 == "fpr" && first { print $10; first = 0 }'; }
show() { gpg --batch --homedir "$work/$1" --fingerprint --list-keys 2>/dev/null | sed -e 1,2d -e 's/^/    /'; }

fetch "$key_url" repository.asc
fetch "$keys_url" vendors.asc
fetch "$keys_url.asc" vendors.sig
import portal repository.asc
# The repository's key vouches for the vendors' keys.
gpg --batch --homedir "$work/portal" --status-fd 1 --verify "$work/vendors.sig" "$work/vendors.asc" 2>/dev/null |
    grep -q '^\[GNUPG:\] VALIDSIG ' || fail "$keys_url is not signed by the key of the repository"

echo "Repository: {{ shown_url }}"
echo "Its key, which also vouches for the vendors' keys below:"
show portal
if [ -s "$work/vendors.asc" ]; then
    import vendors vendors.asc
    echo "Keys of vendors, which sign packages:"
    show vendors
fi
if [ -n "$pinned" ]; then
    for key in $(fingerprints portal); do
        case " $pinned " in
            *" $key "*) ;;
            *) echo "The key $key is not the one that was named. Nothing was changed." >&2; exit 1 ;;
        esac
    done
elif [ -t 0 ]; then
    printf 'Compare the fingerprints with those you were given. Trust these keys? [yes/no] '
    read -r answer || answer=no
    [ "$answer" = yes ] || { echo "Nothing was changed." >&2; exit 1; }
else
    echo "Nobody is there to ask: name the fingerprint with --fingerprint. Nothing was changed." >&2
    exit 1
fi

rpm --root "$root" --import "$work/repository.asc"
[ ! -s "$work/vendors.asc" ] || rpm --root "$root" --import "$work/vendors.asc"
mkdir -p "$root/$repos"
cat > "$root/$repos/$alias.repo" <<'END_OF_REPO'
{{ repo_file -}}
END_OF_REPO
set --
case $client in
    zypper)
        [ "$root" = / ] || set -- --root "$root"
        zypper "$@" --non-interactive refresh "$alias" || fail "zypper cannot refresh $alias" ;;
    dnf)
        [ "$root" = / ] || set -- --installroot "$root"
        dnf "$@" --assumeyes --repo "$alias" makecache || fail "dnf cannot refresh $alias" ;;
esac
echo "The repository is set up as $alias."
