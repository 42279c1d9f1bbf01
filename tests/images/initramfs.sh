# SPDX-License-Identifier: MIT
# Functions shared by the initramfs builders; sourced, never run. `packages` is the unpacked package tree.

# The release of the one kernel in the package tree, e.g. 6.1.0-56-amd64.
kernel_release() {
    (cd "$packages/lib/modules" && ls)
}

# stage_busybox ROOT: the static busybox with a link for each of its applets, and the usual empty directories.
stage_busybox() {
    mkdir -p "$1/bin" "$1/sbin" "$1/dev" "$1/proc" "$1/sys" "$1/run" "$1/tmp" "$1/mnt" "$1/root" "$1/etc" "$1/var/log" \
        "$1/usr/bin" "$1/usr/sbin"
    ln -sfn ../run "$1/var/run"
    ln -sfn ../run/lock "$1/var/lock"
    cp "$packages/bin/busybox" "$1/bin/busybox"
    ln -s ../bin/busybox "$1/sbin/modprobe" # the path the kernel calls
    "$packages/bin/busybox" --list | while read -r applet; do
        [ "$applet" = busybox ] || ln -sf busybox "$1/bin/$applet"
    done
}

# stage_modules ROOT MODULE...: the kernel modules named, all they need, and the tables modprobe reads.
stage_modules() {
    staged=$1
    shift
    release=$(kernel_release)
    [ -f "$packages/lib/modules/$release/modules.dep" ] || depmod -b "$packages" "$release"
    for module in "$@"; do
        modprobe -d "$packages" -S "$release" --show-depends "$module"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r path; do
        relative=${path#"$packages"/}
        mkdir -p "$staged/$(dirname "$relative")"
        cp "$path" "$staged/$relative"
    done
    cp "$packages/lib/modules/$release/modules.builtin" "$packages/lib/modules/$release/modules.builtin.modinfo" \
        "$packages/lib/modules/$release/modules.order" "$staged/lib/modules/$release/"
    depmod -b "$staged" "$release"
    rm -f "$staged/lib/modules/$release/"modules.*.bin
}

# pack ROOT: the tree as a cpio archive on standard output, everything owned by root, names sorted.
pack() {
    (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0)
}
