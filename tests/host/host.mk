# SPDX-License-Identifier: MIT
# Host tests of the hypervisor's rooms: the same source files, compiled for the build machine under AddressSanitizer and
# UndefinedBehaviorSanitizer, with tests/host/fakes standing in for the machine. Included by the top Makefile.

HOST_OUT := $(BUILD)/host
HOST_ROOMS := base mm guest time pvmmu sched event grant domain dom0 dom0/codec dev audit
# What cannot exist without the machine: routines that the host's C library has, and drivers of real registers.
HOST_EXCLUDED := domain/states.cpp base/mem.cpp base/panic.cpp base/compiler_support.cpp mm/device_window.cpp \
	dev/bring_up.cpp dom0/first_domain.cpp audit/machine_audit.cpp
# Of the rooms that mostly handle live registers, the parts that do not.
HOST_EXTRA := $(addprefix pvcpu/,arithmetic.cpp cpuid_policy.cpp decode.cpp feature_rules.cpp hypercall_page.cpp \
	hypervisor_leaves.cpp msr_rules.cpp) \
	$(patsubst hypervisor/%,%,$(wildcard hypervisor/hypercall/memory*.cpp hypervisor/hypercall/domctl*.cpp \
	hypervisor/hypercall/control_*.cpp)) hypercall/machine_map.cpp hypercall/policy_transfer.cpp \
	$(addprefix pvcpu/,context.cpp control_registers.cpp debug_registers.cpp iret.cpp msr.cpp roots.cpp segments.cpp table_write.cpp) \
	$(addprefix hypercall/,mmu.cpp descriptor.cpp flush.cpp grant.cpp event.cpp trap.cpp vcpu.cpp console.cpp) \
	cpu/control.cpp cpu/guards.cpp boot/memory_map.cpp boot/early_memory.cpp boot/multiboot1.cpp boot/multiboot2.cpp boot/rsdp.cpp
HOST_SOURCES := $(filter-out $(addprefix hypervisor/,$(HOST_EXCLUDED)), \
	$(foreach room,$(HOST_ROOMS),$(wildcard hypervisor/$(room)/*.cpp)) $(addprefix hypervisor/,$(HOST_EXTRA)))
HOST_TESTS := $(wildcard tests/host/hypervisor/*/*_test.cpp) $(wildcard tests/host/fakes/*.cpp)
# What is watched while the tests run; `make coverage` watches which lines do.
HOST_WATCH := -O1 -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined
HOST_PROGRAM := $(BUILD)/tests/host_hypervisor
HOST_CXX = $(CXX) -std=c++23 -g1 -fno-exceptions -fno-rtti $(HOST_WATCH) \
	-fno-strict-aliasing -Wall -Wextra -Werror -Itests/host/fakes/hypervisor -Ihypervisor -Iguest-abi -Itests/host/hypervisor

# tests/host/fakes/injection.cpp stands in front of the allocators, for those who call them from other objects.
HOST_WRAPPED := -Wl,--wrap=_ZN2rf2mm14FrameAllocator8allocateEjNS0_8ContentsEjm,--wrap=_ZN2rf2mm13heap_allocateEm,--wrap=_ZN2rf2mm7Account8allocateEm,--wrap=_ZN2rf2mm7Account14allocate_frameEv

# Walks over millions of states.
HOST_FLAGS_small_scope_test := -O2
HOST_FLAGS_entry_pairs_test := -O2

# Compiled alone: the allocators, for injection's sake, tests with flags of their own, and what other programs link.
HOST_ALONE := $(filter $(addprefix hypervisor/mm/,frame_allocator.cpp heap.cpp account.cpp) %/small_scope_test.cpp \
	%/entry_pairs_test.cpp tests/host/fakes/%,$(HOST_SOURCES) $(HOST_TESTS))
HOST_ALONE_OBJECTS := $(HOST_ALONE:%.cpp=$(HOST_OUT)/%.o)
HOST_PARTS := $(call room_objects,$(HOST_OUT),$(filter-out $(HOST_ALONE),$(HOST_SOURCES))) $(filter $(HOST_OUT)/hypervisor/%,$(HOST_ALONE_OBJECTS))
HOST_OBJECTS := $(sort $(HOST_PARTS) $(HOST_ALONE_OBJECTS) $(call room_objects,$(HOST_OUT),$(filter-out $(HOST_ALONE),$(HOST_TESTS))))

# Headers that most tests share, compiled once; a test with flags of its own reads them anew.
HOST_TEST_CXX = $(HOST_CXX) $(TESTS_UNWATCHED) -fexceptions -frtti -O0
$(HOST_OUT)/common.hpp.gch: tests/host/common.hpp
	@mkdir -p $(@D); echo "HOST  $<"; cp $< $(HOST_OUT)/common.hpp
	@$(HOST_TEST_CXX) -x c++-header -o $@ $<

$(call compile_rooms,$(HOST_OUT),$(filter-out $(HOST_ALONE),$(HOST_SOURCES)),$(HOST_CXX))
$(call compile_rooms,$(HOST_OUT),$(filter-out $(HOST_ALONE),$(HOST_TESTS)),$(HOST_TEST_CXX) -include $(HOST_OUT)/common.hpp,$(HOST_OUT)/common.hpp.gch)

$(HOST_ALONE_OBJECTS): $(HOST_OUT)/%.o: %.cpp
	@mkdir -p $(@D); echo "HOST  $<"
	@$(if $(filter tests/%,$<),$(HOST_TEST_CXX),$(HOST_CXX)) $(HOST_FLAGS_$(*F)) $(DEPENDENCIES) -c $< -o $@

$(HOST_PROGRAM): $(HOST_OBJECTS)
	@mkdir -p $(@D); echo "LINK  $@"
	@$(CXX) $(HOST_WATCH) $(HOST_WRAPPED) -o $@ $^ -lgtest -lgtest_main -pthread -llzma -lzstd -llz4 -lz

.PHONY: host-tests
host-tests: $(HOST_PROGRAM)

# The tests in which several threads play processors, under ThreadSanitizer: the same sources, objects of their own. What may race
# by design is named in tests/host/races.txt.
TSAN_TESTS := $(addprefix tests/host/hypervisor/,grant/stress_test.cpp event/stress_test.cpp mm/domain_memory_test.cpp \
	sched/states_test.cpp time/clock_test.cpp time/timer_test.cpp time/vcpu_time_test.cpp pvmmu/flush_test.cpp \
	pvmmu/concurrency_test.cpp dev/ports_test.cpp) $(wildcard tests/host/fakes/*.cpp)
TSAN_SOURCES := $(filter-out hypervisor/dom0/% hypervisor/boot/%,$(HOST_SOURCES))
.PHONY: tsan
tsan:
	@$(MAKE) --no-print-directory $(BUILD)/tsan/host_hypervisor HOST_OUT=$(BUILD)/tsan/obj HOST_SOURCES="$(TSAN_SOURCES)" \
		HOST_TESTS="$(TSAN_TESTS)" HOST_PROGRAM=$(BUILD)/tsan/host_hypervisor HOST_WATCH='-O1 -fsanitize=thread -Wno-tsan'
	@TSAN_OPTIONS="suppressions=tests/host/races.txt exitcode=66" setarch -R $(BUILD)/tsan/host_hypervisor $(TSAN_ARGUMENTS)

# Which lines of the hypervisor's rooms the host tests run. Fails below 90 % in all, and for a file below it that
# tests/host/holes.txt does not name with its reason; writes docs/security/coverage.md.
COVERAGE_PACKAGES := gcovr
.PHONY: coverage
coverage:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(COVERAGE_PACKAGES)"
	@$(MAKE) --no-print-directory $(BUILD)/coverage/host_hypervisor HOST_OUT=$(BUILD)/coverage/obj \
		HOST_PROGRAM=$(BUILD)/coverage/host_hypervisor HOST_WATCH='-O0 --coverage'
	@tests/host/coverage $(BUILD)/coverage

-include $(HOST_ALONE_OBJECTS:.o=.d)
