# SPDX-License-Identifier: MIT
# Ringfort: rf, rfd, rf-stored, rf-consoled and rf-backd; the kernel's backends where a definition names them.
start_tools() { ringfort-start > $noise; }
xml_disk() { # FILE,KIND
    kind=${1##*,}
    echo "<disk type='file'><driver name='$kind' type='raw'/><source file='${1%,*}'/><target dev='xvda' bus='xen'/></disk>"
}
xml_card() { # MAC,KIND
    kind=${1##*,}
    echo "<interface type='bridge'><source bridge='br0'/><mac address='${1%,*}'/><driver name='$kind'/></interface>"
}
define() { # NAME KERNEL RAMDISK MIB LINE DEVICE...
    to=$definitions/$1
    {
        echo "<domain type='xen'><name>$1</name><memory unit='MiB'>$4</memory><vcpu>1</vcpu>"
        echo "<os><type>linux</type><kernel>$2</kernel>"
        [ -z "$3" ] || echo "<initrd>$3</initrd>"
        echo "<cmdline>$5</cmdline></os>"
        echo "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash><devices>"
    } > "$to"
    shift 5
    for device in "$@"; do
        case $device in
        disk=*) xml_disk "${device#*=}" ;;
        card=*) xml_card "${device#*=}" ;;
        esac >> "$to"
    done
    echo "</devices></domain>" >> "$to"
}
smallest=1 # MiB that a domain may have at least
create() { rf create "$definitions/$1"; }
create_words() { echo "rf create $definitions/$1"; }
destroy_words() { echo "rf destroy $1"; }
list_domains() { rf list; }
list_words() { echo "rf list"; }
block_kinds="rf phy"
card_kinds="rf netback"
usual_disk=rf usual_card=rf
scripts=
