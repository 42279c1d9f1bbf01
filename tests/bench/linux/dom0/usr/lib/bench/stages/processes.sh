# SPDX-License-Identifier: MIT
linux_guest processes 128 "rf.run=guest-work,processes"
run_guest processes
