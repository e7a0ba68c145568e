#!/bin/sh
# The root file system of the container, in a folder: rootfs.sh EDGEWIT FOLDER
# The command, the libraries it is linked with, the authorities that HTTPS trusts, and a user; no shell, nothing else.
set -eu
edgewit=$1
root=$2

install -D -m 0755 "$edgewit" "$root/usr/bin/edgewit"
ldd "$edgewit" | grep -o '/[^ ]*' | while read -r library; do
    install -D -m 0755 "$library" "$root$library"
done
install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'edgewit:x:65532:65532::/:/usr/bin/edgewit' > "$root/etc/passwd"
echo 'edgewit:x:65532:' > "$root/etc/group"
# Where the system, models and the cache are mounted; what is written goes to the cache and to /tmp.
mkdir -p "$root/dev" "$root/proc" "$root/models" "$root/tmp" "$root/var/cache/edgewit"
chmod 1777 "$root/tmp"
