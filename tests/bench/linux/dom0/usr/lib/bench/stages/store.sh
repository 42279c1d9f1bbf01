# SPDX-License-Identifier: MIT
work store
