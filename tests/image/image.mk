# SPDX-License-Identifier: MIT
# What the linker made of the hypervisor. Included by the top Makefile.
BUILD ?= build

$(BUILD)/tests/image: $(wildcard tests/image/*.cpp tests/image/*.hpp) | hypervisor
	@mkdir -p $(@D); echo "TEST  $(filter %.cpp,$^)"
	@$(SYSTEM_CXX) $(SYSTEM_CXXFLAGS) -DRF_IMAGE='"$(CURDIR)/$(BUILD)/ringfort"' -o $@ $(filter %.cpp,$^) -lgtest -lgtest_main
