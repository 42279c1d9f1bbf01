# SPDX-License-Identifier: MIT
# Creation and destruction: our smallest kernel with and without devices, then Linux.
disk=/tmp/disks/create.img
make_disk $disk 4
devices="disk=$disk,$usual_disk card=00:16:3e:00:00:10,$usual_card"

# one_life NAME: the meter's windows are called after the guest
one_life() {
    measured "create.$1" 0 $(create_words "$1")
    sleep 3
    measured "destroy.$1" 3000 $(destroy_words "$1")
    all_gone
}
idle_guest bare 8
idle_guest kernel 8 $devices
for round in 1 2 3; do one_life bare; done
for round in 1 2 3; do one_life kernel; done
if [ -n "$scripts" ]; then
    idle_guest scripts 8 "disk=$disk,$scripts" "card=00:16:3e:00:00:10,$scripts"
    for round in 1 2 3; do one_life scripts; done
fi

# what an idle domain costs the hypervisor: the difference of free memory, less the domain's own
idle_guest resting 8
work memory idle.before
create resting >> $noise 2>&1
sleep 3
work memory idle.after
$(destroy_words resting) >> $noise 2>&1
all_gone

# the first creation finds the kernel packed; where the tools keep it unpacked, later ones do not
linux_guest linux_first 128 "rf.run=work,tell,reached,linux_first" $devices
linux_guest linux 128 "rf.run=work,tell,reached,linux" $devices
measured create.linux_first 0 $(create_words linux_first)
sleep 20
measured destroy.linux_first 3000 $(destroy_words linux_first)
all_gone
for round in 1 2; do
    measured create.linux 0 $(create_words linux)
    sleep 20
    measured destroy.linux 3000 $(destroy_words linux)
    all_gone
done
