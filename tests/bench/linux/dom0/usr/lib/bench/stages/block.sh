# SPDX-License-Identifier: MIT
# One guest for each kind of backend, one after the other, on the same file of 64 MiB.
make_disk /tmp/disks/block.img 64
for kind in $block_kinds; do
    linux_guest "M31.$kind" 160 "rf.run=guest-work,disk,M31.$kind,/dev/xvda" "disk=/tmp/disks/block.img,$kind"
    run_guest "M31.$kind"
done
rm /tmp/disks/block.img
