# SPDX-License-Identifier: MIT
# Debian's Xen: xl, xenstored (C), xenconsoled, and the backends of the kernel or of Debian's QEMU.
start_tools() {
    oracle-start > $noise
    brctl addbr br0
    ip addr add 10.9.0.1/24 dev br0
    ip link set br0 up
}
xl_disk() { # FILE,KIND
    file=${1%,*}
    case ${1##*,} in
    qdisk) echo "disk = [ 'format=raw, vdev=xvda, access=rw, backendtype=qdisk, target=$file' ]" ;;
    loop) echo "disk = [ 'format=raw, vdev=xvda, access=rw, script=block-quick, target=$file' ]" ;;
    debian) echo "disk = [ 'format=raw, vdev=xvda, access=rw, target=$file' ]" ;;
    esac
}
xl_card() { # MAC,KIND
    case ${1##*,} in
    debian) echo "vif = [ 'bridge=br0, mac=${1%,*}' ]" ;;
    *) echo "vif = [ 'bridge=br0, script=vif-quick, mac=${1%,*}' ]" ;;
    esac
}
define() { # NAME KERNEL RAMDISK MIB LINE DEVICE...
    {
        echo "name = '$1'"
        echo "type = 'pv'"
        echo "kernel = '$2'"
        [ -z "$3" ] || echo "ramdisk = '$3'"
        echo "memory = $4"
        echo "extra = '$5'"
        echo "vcpus = 1"
        echo "tsc_mode = 'native'"
        echo "on_poweroff = 'destroy'"
        echo "on_crash = 'destroy'"
    } > "$definitions/$1"
    to=$definitions/$1
    shift 5
    for device in "$@"; do
        case $device in
        disk=*) xl_disk "${device#*=}" ;;
        card=*) xl_card "${device#*=}" ;;
        esac >> "$to"
    done
}
smallest=4 # MiB that a domain may have at least: xl maps that much before its kernel runs
create() { xl create -q "$definitions/$1"; }
create_words() { echo "xl create -q $definitions/$1"; }
destroy_words() { echo "xl destroy $1"; }
list_domains() { xl list; }
list_words() { echo "xl list"; }
block_kinds="qdisk loop"
card_kinds="netback"
usual_disk=loop usual_card=netback
# Debian's own hot-plug scripts instead of the tests' short ones: a kind of disk and card
scripts=debian
