# SPDX-License-Identifier: MIT
# make bench: the figures of tests/bench/README.md. Included by the top Makefile after examples.mk and system.mk.
BUILD ?= build

BENCH_GUEST_OBJECTS := $(patsubst tests/bench/guest/%,$(BUILD)/obj/guests/bench/%.o,$(wildcard tests/bench/guest/*.cpp tests/bench/guest/*.S))
BENCH_OBJECTS := $(patsubst tests/bench/host/%.cpp,$(BUILD)/obj/bench/%.o,$(wildcard tests/bench/host/*.cpp))

$(BUILD)/guests/bench: $(BENCH_GUEST_OBJECTS) $(BUILD)/obj/guests/linux_bench/tell.o $(RUNTIME_OBJECTS) pv-drivers/runtime/guest.ld
	@mkdir -p $(@D); echo "LINK  $@"
	@$(GUEST_CXX) $(GUEST_LINK) -T pv-drivers/runtime/guest.ld -o $@ $(filter %.o,$^)

$(BUILD)/obj/guests/bench/%.cpp.o: tests/bench/guest/%.cpp
	@mkdir -p $(@D); echo "CXX   $<"
	@$(GUEST_CXX) $(GUEST_FLAGS) $(GUEST_INCLUDES) -Itests/bench/guest -Itests/bench/linux/tell -MMD -MP -c $< -o $@

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
BENCH_TEST_OBJECTS := $(addprefix $(BUILD)/obj/bench/,table_test.o linux_test.o figures.o table.o linux/readings.o linux/rows.o linux/parts.o linux/plot.o)
$(BUILD)/tests/bench_table: $(BENCH_TEST_OBJECTS)
	@mkdir -p $(@D); echo "LINK  $@"; $(CXX) $(BENCH_FLAGS) -o $@ $^ -lgtest -lgtest_main

$(BUILD)/obj/bench/%_test.o: tests/bench/test/%_test.cpp
	@mkdir -p $(@D); echo "TEST  $<"
	@$(CXX) $(BENCH_FLAGS) -Itests/bench/linux/host -MMD -MP -c -o $@ $<

$(BUILD)/bench/loader_end: tests/bench/loader_end.S
	@mkdir -p $(@D); echo "AS    $<"
	@$(CXX) -m32 -nostdlib -static -no-pie -Wl,-Ttext=0x100000 -Wl,-N -Wl,--build-id=none -Wl,-e,start -o $@ $<

-include $(wildcard $(BUILD)/obj/guests/bench/*.d $(BUILD)/obj/bench/*.d)

$(BUILD)/bench/count.so: tests/bench/plugin/count.cpp tests/bench/plugin/emulator.h tests/bench/guest/marks.h
	@mkdir -p $(@D); echo "CXX   $<"
	@$(CXX) -std=c++23 -O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror -o $@ $<

# ---- Linux figures: Dom0 and guests on both hypervisors (tests/bench/linux) -------------------------------------------

LINUX_BENCH_OBJECTS := $(patsubst tests/bench/linux/host/%.cpp,$(BUILD)/obj/bench/linux/%.o,$(wildcard tests/bench/linux/host/*.cpp))
LINUX_BENCH_FLAGS := $(BENCH_FLAGS) -Itests/bench/linux/host
WORK_SOURCES := $(wildcard tests/bench/linux/work/*.cpp) tests/bench/linux/tell/tell.S
WORK_FLAGS := -std=c++23 -O2 -Wall -Wextra -Werror -Itests/bench/linux/tell -Idom0-tools -Iguest-abi
LINUX_BENCH_GUESTS := $(addprefix $(BUILD)/guests/,idle switch)
LINUX_BENCH_KERNELS := $(LINUX_BENCH_GUESTS) $(BUILD)/guests/bench
# make bench-linux STAGES=create,store; MANY and FILL: how many small guests
STAGES ?=
MANY ?= 100
FILL ?= 0
.PHONY: bench-linux
bench-linux: hypervisor images tools guests $(BUILD)/dom0/rf-backd $(LINUX_BENCH_KERNELS) $(BUILD)/bench/work $(BUILD)/bench/meter.so \
		$(BUILD)/bench/qemu-xen/complete $(BUILD)/tests/linux_bench
	@$(BUILD)/tests/linux_bench --many $(MANY) --fill $(FILL) $(if $(STAGES),--only $(STAGES))
	@$(if $(PROFILE),$(BUILD)/tests/linux_bench --profile $(if $(STAGES),--only $(STAGES)))

$(BUILD)/tests/linux_bench: $(LINUX_BENCH_OBJECTS) $(addprefix $(BUILD)/obj/bench/,figures.o table.o runs.o) $(SYSTEM_DRIVER)
	@mkdir -p $(@D); echo "LINK  $@"; $(CXX) $(BENCH_FLAGS) -o $@ $^

$(BUILD)/obj/bench/linux/%.o: tests/bench/linux/host/%.cpp
	@mkdir -p $(@D); echo "TEST  $<"
	@$(CXX) $(LINUX_BENCH_FLAGS) -MMD -MP -c -o $@ $<

# What Dom0 and the guests do: one static program, a kernel that only sleeps, and one that bounces events.
$(BUILD)/bench/work: $(WORK_SOURCES) $(wildcard tests/bench/linux/work/*.hpp tests/bench/linux/tell/*) $(DOM0_LIBRARY)
	@mkdir -p $(@D); echo "LINK  $@"
	@$(CXX) $(WORK_FLAGS) -static -s -Wl,--gc-sections -o $@ $(WORK_SOURCES) $(DOM0_LIBRARY)

$(LINUX_BENCH_GUESTS): $(BUILD)/guests/%: $(BUILD)/obj/guests/linux_bench/%.o $(BUILD)/obj/guests/linux_bench/tell.o $(RUNTIME_OBJECTS) pv-drivers/runtime/guest.ld
	@mkdir -p $(@D); echo "LINK  $@"
	@$(GUEST_CXX) $(GUEST_LINK) -T pv-drivers/runtime/guest.ld -o $@ $(filter %.o,$^)

$(BUILD)/obj/guests/linux_bench/%.o: tests/bench/linux/guest/%.cpp tests/bench/linux/tell/tell.hpp
	@mkdir -p $(@D); echo "CXX   $<"
	@$(GUEST_CXX) $(GUEST_FLAGS) $(GUEST_INCLUDES) -Itests/bench/linux/tell -MMD -MP -c $< -o $@

$(BUILD)/obj/guests/linux_bench/tell.o: tests/bench/linux/tell/tell.S tests/bench/linux/tell/tell.h
	@mkdir -p $(@D); echo "AS    $<"
	@$(GUEST_CXX) -Itests/bench/linux/tell -c $< -o $@

$(BUILD)/bench/meter.so: tests/bench/linux/plugin/meter.cpp tests/bench/plugin/emulator.h tests/bench/linux/tell/tell.h
	@mkdir -p $(@D); echo "CXX   $<"
	@$(CXX) -std=c++23 -O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror -o $@ $<

# Debian's QEMU for Xen, which serves qdisk.
$(BUILD)/bench/packages/complete: tests/bench/linux/packages.list tests/images/fetch-packages
	tests/images/fetch-packages $< $(BUILD)/bench/packages
$(BUILD)/bench/qemu-xen/complete: $(BUILD)/bench/packages/complete
	@rm -rf $(@D); mkdir -p $(@D)/usr/libexec $(@D)/usr/share/qemu/keymaps; cp $(BUILD)/bench/packages/root/usr/libexec/xen-qemu-system-i386 $(@D)/usr/libexec/
	@cp /usr/share/qemu/keymaps/en-us $(@D)/usr/share/qemu/keymaps/; touch $@ # qemu-system-x86 has it installed

-include $(wildcard $(BUILD)/obj/bench/linux/*.d $(BUILD)/obj/guests/linux_bench/*.d)
