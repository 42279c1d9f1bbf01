# SPDX-License-Identifier: MIT
# System tests: executables $(BUILD)/tests/system_* and the developers' $(BUILD)/tests/boot. Included by the top Makefile.
BUILD ?= build

SYSTEM_CXX ?= $(CXX)
SYSTEM_CXXFLAGS ?= -std=c++23 -O0 -g1 -Wall -Wextra -Werror -pthread
SYSTEM_HARNESS_SOURCES := $(wildcard tests/system/harness/*.cpp)
# story.cpp and NAME_story.cpp are the GoogleTest side of it and do not belong into tools
SYSTEM_STORY_SOURCES := $(filter %story.cpp,$(SYSTEM_HARNESS_SOURCES))
SYSTEM_DRIVER_SOURCES := $(filter-out %story.cpp,$(SYSTEM_HARNESS_SOURCES))
SYSTEM_DRIVER := $(call room_objects,$(BUILD)/obj/driver,$(SYSTEM_DRIVER_SOURCES))
SYSTEM_HARNESS := $(SYSTEM_DRIVER) $(call room_objects,$(BUILD)/obj/story,$(SYSTEM_STORY_SOURCES))
SYSTEM_TESTS := $(patsubst tests/system/%_test.cpp,$(BUILD)/tests/system_%,$(wildcard tests/system/*_test.cpp))

# What single stories need beyond that.
SYSTEM_FLAGS_kernel_packing := -Itests/host/hypervisor/dom0
SYSTEM_LIBS_dom0_boot := -llzma -lzstd -llz4 -lz
$(BUILD)/tests/system_dom0_boot: $(BUILD)/obj/system/dom0_boot/kernel_packing.o

SYSTEM_COMPILE = $(SYSTEM_CXX) $(SYSTEM_CXXFLAGS) -DRF_SOURCE_DIRECTORY='"$(CURDIR)"' -Itests/system
$(call compile_rooms,$(BUILD)/obj/driver,$(SYSTEM_DRIVER_SOURCES),$(SYSTEM_COMPILE))
$(call compile_rooms,$(BUILD)/obj/story,$(SYSTEM_STORY_SOURCES),$(SYSTEM_COMPILE))

$(BUILD)/obj/system/%.o: tests/system/%.cpp
	@mkdir -p $(@D); echo "TEST  $<"
	@$(SYSTEM_COMPILE) $(SYSTEM_FLAGS_$(*F)) -MMD -MP -c -o $@ $<

$(BUILD)/tests/boot: $(BUILD)/obj/system/boot.o $(SYSTEM_DRIVER)
	@mkdir -p $(@D); echo "LINK  $@"; $(SYSTEM_CXX) $(SYSTEM_CXXFLAGS) -o $@ $^

# Runs inside Dom0.
$(BUILD)/tests/kill-at: tests/system/kill_at.cpp
	@mkdir -p $(@D); echo "TEST  $<"; $(SYSTEM_CXX) $(SYSTEM_CXXFLAGS) -o $@ $<
$(BUILD)/tests/system_survival $(BUILD)/tests/system_daemon_deaths: | $(BUILD)/tests/kill-at

# Run inside Dom0 and a guest that has no libraries.
SURVIVAL_LOADS := $(BUILD)/tests/survival/store-load $(BUILD)/tests/survival/block-load
$(SURVIVAL_LOADS): $(BUILD)/tests/survival/%-load: tests/system/survival/%_load.cpp
	@mkdir -p $(@D); echo "TEST  $<"; $(SYSTEM_CXX) $(SYSTEM_CXXFLAGS) -O1 -static -o $@ $<
$(BUILD)/tests/system_outages: | $(SURVIVAL_LOADS)

$(BUILD)/tests/system_%: $(BUILD)/obj/system/%_test.o $(SYSTEM_HARNESS)
	@mkdir -p $(@D); echo "LINK  $@"; $(SYSTEM_CXX) $(SYSTEM_CXXFLAGS) -o $@ $^ -lgtest -lgtest_main $(SYSTEM_LIBS_$*)

.SECONDARY: $(patsubst tests/system/%.cpp,$(BUILD)/obj/system/%.o,$(wildcard tests/system/*_test.cpp))
.PHONY: system-tests
system-tests: images qemu10 $(BUILD)/tests/boot $(SYSTEM_TESTS)

-include $(wildcard $(BUILD)/obj/system/*.d $(BUILD)/obj/system/*/*.d)
