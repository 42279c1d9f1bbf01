# SPDX-License-Identifier: MIT
# Two of our smallest guests hand the processor to each other (guest/switch) while Dom0 sleeps. The second is to have the number after the first's.
for role in ping pong; do
    define $role /guests/switch "" 8 "switch=$role"
    create $role >> $noise 2>&1 || refuse M18 "$role could not be created: $(tail -n 1 $noise)"
done
all_gone 120
