# SPDX-License-Identifier: MIT
# make bench: the figures of tests/bench/README.md. Included by the top Makefile after examples.mk and system.mk.
BUILD ?= build

BENCH_GUEST_OBJECTS := $(patsubst tests/bench/guest/%,$(BUILD)/obj/guests/bench/%.o,$(wildcard tests/bench/guest/*.cpp tests/bench/guest/*.S))
BENCH_OBJECTS := $(patsubst tests/bench/host/%.cpp,$(BUILD)/obj/bench/%.o,$(wildcard tests/bench/host/*.cpp))

$(BUILD)/guests/bench: $(BENCH_GUEST_OBJECTS) $(RUNTIME_OBJECTS) pv-drivers/runtime/guest.ld
	@mkdir -p $(@D); echo "LINK  $@"
	@$(GUEST_CXX) $(GUEST_LINK) -T pv-drivers/runtime/guest.ld -o $@ $(filter %.o,$^)

$(BUILD)/obj/guests/bench/%.cpp.o: tests/bench/guest/%.cpp
	@mkdir -p $(@D); echo "CXX   $<"
	@$(GUEST_CXX) $(GUEST_FLAGS) $(GUEST_INCLUDES) -Itests/bench/guest -MMD -MP -c $< -o $@

$(BUILD)/obj/guests/bench/%.S.o: tests/bench/guest/%.S
	@mkdir -p $(@D); echo "AS    $<"
	@$(GUEST_CXX) -Itests/bench/guest -MMD -MP -c $< -o $@


BENCH_FLAGS := -std=c++23 -O0 -g1 -Wall -Wextra -Werror -pthread -DRF_SOURCE_DIRECTORY='"$(CURDIR)"' -Itests/system -Itests/bench/host
# make bench ONLY=M1,M9
ONLY ?=
# make bench PROFILE=1: where the instructions go, as well
PROFILE ?=
.PHONY: bench
bench: hypervisor $(BUILD)/images/xen $(BUILD)/guests/bench $(BUILD)/bench/loader_end $(BUILD)/bench/count.so $(BUILD)/tests/bench
	@$(BUILD)/tests/bench $(if $(ONLY),--only $(ONLY)) $(if $(PROFILE),--profile)

$(BUILD)/tests/bench: $(BENCH_OBJECTS) $(SYSTEM_DRIVER)
	@mkdir -p $(@D); echo "LINK  $@"; $(CXX) $(BENCH_FLAGS) -o $@ $^

$(BUILD)/obj/bench/%.o: tests/bench/host/%.cpp
	@mkdir -p $(@D); echo "TEST  $<"
	@$(CXX) $(BENCH_FLAGS) -MMD -MP -c -o $@ $<

# Part of make test: how figures are read and judged.
BENCH_TEST_OBJECTS := $(BUILD)/obj/bench/table_test.o $(BUILD)/obj/bench/figures.o $(BUILD)/obj/bench/table.o
$(BUILD)/tests/bench_table: $(BENCH_TEST_OBJECTS)
	@mkdir -p $(@D); echo "LINK  $@"; $(CXX) $(BENCH_FLAGS) -o $@ $^ -lgtest -lgtest_main

$(BUILD)/obj/bench/%_test.o: tests/bench/test/%_test.cpp
	@mkdir -p $(@D); echo "TEST  $<"
	@$(CXX) $(BENCH_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bench/loader_end: tests/bench/loader_end.S
	@mkdir -p $(@D); echo "AS    $<"
	@$(CXX) -m32 -nostdlib -static -no-pie -Wl,-Ttext=0x100000 -Wl,-N -Wl,--build-id=none -Wl,-e,start -o $@ $<

-include $(wildcard $(BUILD)/obj/guests/bench/*.d $(BUILD)/obj/bench/*.d)

$(BUILD)/bench/count.so: tests/bench/plugin/count.cpp tests/bench/plugin/emulator.h tests/bench/guest/marks.h
	@mkdir -p $(@D); echo "CXX   $<"
	@$(CXX) -std=c++23 -O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror -o $@ $<
