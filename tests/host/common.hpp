// SPDX-License-Identifier: MIT
/// What most tests of the hypervisor's rooms include, compiled once (host.mk). Files include what they use all the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>
