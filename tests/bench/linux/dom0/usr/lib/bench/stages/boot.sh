# SPDX-License-Identifier: MIT
# Nothing beside what every machine tells: when Dom0 and its tools were up, and what memory was left.
