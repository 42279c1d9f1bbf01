# SPDX-License-Identifier: MIT
# A guest with Dom0, then two guests with each other, for each kind of backend.
work serve >> $noise 2>&1 &
for kind in $card_kinds; do
    linux_guest "M32.$kind.dom0" 128 "rf.net=10.9.0.2/24 rf.run=guest-work,network,M32.$kind.dom0,10.9.0.1" "card=00:16:3e:00:00:02,$kind"
    run_guest "M32.$kind.dom0"
    linux_guest "server" 128 "rf.net=10.9.0.3/24 rf.run=work,serve" "card=00:16:3e:00:00:03,$kind"
    linux_guest "M32.$kind.guest" 128 "rf.net=10.9.0.2/24 rf.run=guest-work,network,M32.$kind.guest,10.9.0.3" "card=00:16:3e:00:00:02,$kind"
    create server >> $noise 2>&1 || refuse "M32.$kind.guest" "the server could not be created"
    sleep 20 # until it rests: under Debian's Xen, xl fails to unpack a kernel while another guest boots
    create "M32.$kind.guest" >> $noise 2>&1 || refuse "M32.$kind.guest" "the guest could not be created: $(tail -n 20 $noise | grep -m 1 error)"
    work wait 1 600 || refuse "M32.$kind.guest" "the guest did not end"
    $(destroy_words server) >> $noise 2>&1
    all_gone
done
kill %1
