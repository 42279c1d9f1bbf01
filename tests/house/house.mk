# SPDX-License-Identifier: MIT
# What holds for the tree as a whole. Included by the top Makefile.
BUILD ?= build

$(BUILD)/tests/house: $(wildcard tests/house/*_test.cpp)
	@mkdir -p $(@D); echo "TEST  $^"
	@$(SYSTEM_CXX) $(SYSTEM_CXXFLAGS) -DRF_SOURCE_DIRECTORY='"$(CURDIR)"' -o $@ $^ -lgtest -lgtest_main
