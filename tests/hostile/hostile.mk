# SPDX-License-Identifier: MIT
# The hostile guest: $(BUILD)/guests/hostile, on the runtime of pv-drivers. Included by the top Makefile after examples.mk.
BUILD ?= build

HOSTILE_OBJECTS := $(patsubst tests/hostile/%,$(BUILD)/obj/guests/hostile/%.o,$(wildcard tests/hostile/*.cpp tests/hostile/*.S))

$(BUILD)/guests/hostile: $(HOSTILE_OBJECTS) $(RUNTIME_OBJECTS) pv-drivers/runtime/guest.ld
	@mkdir -p $(@D); echo "LINK  $@"
	@$(GUEST_CXX) $(GUEST_LINK) -T pv-drivers/runtime/guest.ld -o $@ $(filter %.o,$^)

# A guest beside it that tells how much of its time others take.
$(BUILD)/guests/sibling: $(BUILD)/obj/guests/hostile/sibling/sibling.cpp.o $(RUNTIME_OBJECTS) pv-drivers/runtime/guest.ld
	@mkdir -p $(@D); echo "LINK  $@"
	@$(GUEST_CXX) $(GUEST_LINK) -T pv-drivers/runtime/guest.ld -o $@ $(filter %.o,$^)

$(BUILD)/obj/guests/hostile/%.cpp.o: tests/hostile/%.cpp
	@mkdir -p $(@D); echo "CXX   $<"
	@$(GUEST_CXX) $(GUEST_FLAGS) $(GUEST_INCLUDES) -MMD -MP -c $< -o $@

$(BUILD)/obj/guests/hostile/%.S.o: tests/hostile/%.S
	@mkdir -p $(@D); echo "AS    $<"
	@$(GUEST_CXX) -MMD -MP -c $< -o $@

# make longest-runs: the hypervisor's longest runs during the hostile guest's (longest/).
LONGEST_FLAGS := -std=c++23 -Wall -Wextra -Werror
$(BUILD)/hostile/longest.so: tests/hostile/longest/plugin.cpp tests/bench/plugin/emulator.h
	@mkdir -p $(@D); echo "CXX   $<"
	@$(CXX) $(LONGEST_FLAGS) -O2 -fPIC -shared -fvisibility=hidden -o $@ $<

$(BUILD)/hostile/longest_runs: tests/hostile/longest/report.cpp
	@mkdir -p $(@D); echo "CXX   $<"
	@$(CXX) $(LONGEST_FLAGS) -O0 -o $@ $<

-include $(wildcard $(BUILD)/obj/guests/hostile/*.d $(BUILD)/obj/guests/hostile/*/*.d)
