# SPDX-License-Identifier: MIT
# What all stages share. SIDE (xen.sh or ringfort.sh) adds: start_tools, define, create, destroy, list_domains.
definitions=/tmp/definitions
noise=/tmp/noise # what commands print: the serial line is slow, and its cost is not theirs
mkdir -p $definitions /tmp/disks

refuse() { # NAME REASON...
    work tell refused "$@"
    echo "bench: refused $*"
}
# measured NAME SETTLE_MS COMMAND...: one window
measured() { work run "$@" >> $noise 2>&1; }
# all_gone [LIMIT]: until Dom0 is alone
all_gone() {
    work wait 0 "${1:-300}" || { refuse "${stage:-bench}" "guests did not end: $(list_domains | tail -n +3 | tr '\n' ';')"; tail -n 8 /var/log/*/console/*.log; return 1; }
    sleep 2
}
# idle_guest NAME MIB [disk=FILE,KIND] [card=MAC,KIND]: a definition of our smallest kernel, which tells `reached NAME`
idle_guest() {
    name=$1 mib=$2
    shift 2
    define "$name" /guests/idle "" "$mib" "tell=$name" "$@"
}
# linux_guest NAME MIB COMMAND_LINE [disk=FILE,KIND] [card=MAC,KIND]
linux_guest() {
    name=$1 mib=$2 line=$3
    shift 3
    define "$name" /images/vmlinuz /images/bench-guest.cpio.gz "$mib" "console=hvc0 rf.name=$name $line" "$@"
}
# run_guest NAME [LIMIT]: creates a guest that powers off when its work is done, and waits for that
run_guest() {
    create "$1" > $noise 2>&1 || {
        refuse "$1" "the guest could not be created: $(head -n 1 $noise)"
        tail -n 20 $noise /var/log/xen/*.log 2> /dev/null
        return 1
    }
    all_gone "${2:-600}"
}
make_disk() { # FILE MIB
    [ -e "$1" ] || dd if=/dev/zero of="$1" bs=1M count="$2" 2> /dev/null
}
