# SPDX-License-Identifier: MIT
# One small guest after the other up to rf.many=COUNT, with a look at the cost of everything on the way; then as many as the machine
# takes, if rf.fill=COUNT allows more than that; then destruction one by one. A domain of the curves has 4 MiB, which xl needs at least;
# the machine is filled with the smallest that a tool stack builds.
many=50 fill=0
for word in $(cat /proc/cmdline); do
    case $word in
    rf.many=*) many=${word#*=} ;;
    rf.fill=*) fill=${word#*=} ;;
    esac
done
work memory many.before
look() { # COUNT: what other operations cost beside so many domains
    work store "@$1" >> $noise 2>&1
    work events "curve.event@$1" >> $noise 2>&1
    measured "curve.list@$1" 0 $(list_words)
}
look 0
count=0 going=yes
while [ $count -lt "$many" ] && [ $going = yes ]; do
    next=$((count + 1))
    idle_guest "many$next" 4
    measured "curve.create@$next" 500 $(create_words "many$next") || { going=no; tail -n 3 $noise; break; }
    count=$next
    case $count in
    1 | 10 | 25 | 50 | 75 | 100 | 150 | 200) look $count ;;
    esac
done
work memory many.after
while [ $count -lt "$fill" ] && [ $going = yes ]; do
    next=$((count + 1))
    idle_guest "many$next" $smallest
    create "many$next" > $noise 2>&1 || { going=no; work tell "note refused at $next: $(tail -n 1 $noise)"; break; }
    count=$next
done
[ "$fill" = 0 ] || work memory fill
work tell "value fill.count $count"
[ $going = yes ] || work tell "value fill.refused 1"
for number in $(seq "$count" -1 $((many + 1))); do $(destroy_words "many$number") > $noise 2>&1; done
for number in $(seq "$many" -1 1); do
    [ -e "$definitions/many$number" ] || continue
    measured "curve.destroy@$number" 200 $(destroy_words "many$number") || break
done
