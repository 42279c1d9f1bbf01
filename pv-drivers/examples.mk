# SPDX-License-Identifier: MIT
# Example guests: $(BUILD)/guests/NAME for every pv-drivers/examples/NAME/. Included by the top Makefile.
BUILD ?= build

GUEST_CXX ?= g++-12
GUEST_NAMES := $(notdir $(patsubst %/,%,$(wildcard pv-drivers/examples/*/)))
GUEST_INCLUDES := -Ipv-drivers/runtime -Ipv-drivers -Iguest-abi
GUEST_FLAGS := -std=c++23 -O2 -ffreestanding -fno-exceptions -fno-rtti -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-threadsafe-statics -fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none -ffunction-sections \
	-fdata-sections -fno-strict-aliasing -fno-tree-loop-distribute-patterns -Wall -Wextra -Wnon-virtual-dtor -Werror
GUEST_LINK := -nostdlib -static -no-pie -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,max-page-size=0x1000 -Wl,-z,noexecstack
# what an 8 MiB domain can spare without thinking about it
GUEST_MEMORY_LIMIT := 163840

RUNTIME_OBJECTS := $(patsubst pv-drivers/%,$(BUILD)/obj/guests/%.o,$(wildcard pv-drivers/front/*.cpp pv-drivers/runtime/*.cpp pv-drivers/runtime/*.S))
GUEST_PROGRAMS := $(addprefix $(BUILD)/guests/,$(GUEST_NAMES))

.PHONY: guests
guests: $(GUEST_PROGRAMS)

define guest_rule
$(BUILD)/guests/$(1): $(patsubst pv-drivers/%.cpp,$(BUILD)/obj/guests/%.cpp.o,$(wildcard pv-drivers/examples/$(1)/*.cpp))
endef
$(foreach name,$(GUEST_NAMES),$(eval $(call guest_rule,$(name))))

$(GUEST_PROGRAMS): $(RUNTIME_OBJECTS) pv-drivers/runtime/guest.ld
	@mkdir -p $(@D); echo "LINK  $@"
	@$(GUEST_CXX) $(GUEST_LINK) -T pv-drivers/runtime/guest.ld -o $@ $(filter %.o,$^)
	@bytes=$$(size $@ | awk 'NR == 2 { print $$4 }'); [ $$bytes -lt $(GUEST_MEMORY_LIMIT) ] || \
		{ echo "$@ takes $$bytes bytes of memory, the limit is $(GUEST_MEMORY_LIMIT)" >&2; exit 1; }

$(BUILD)/obj/guests/%.cpp.o: pv-drivers/%.cpp
	@mkdir -p $(@D); echo "CXX   $<"
	@$(GUEST_CXX) $(GUEST_FLAGS) $(GUEST_INCLUDES) -MMD -MP -c $< -o $@

$(BUILD)/obj/guests/%.S.o: pv-drivers/%.S
	@mkdir -p $(@D); echo "AS    $<"
	@$(GUEST_CXX) -MMD -MP -c $< -o $@

# ---- host tests of the frontends and of the examples' pure parts -------------------------------------------------------

GUEST_TEST_SOURCES := $(wildcard pv-drivers/front/*.cpp tests/host/pv-drivers/front/*.cpp) \
	$(filter-out %/network_responder.cpp,$(wildcard pv-drivers/examples/network-responder/*.cpp)) \
	$(wildcard tests/host/pv-drivers/examples/*/*.cpp)
GUEST_TEST_OUT := $(BUILD)/tests/host_guests.obj
GUEST_TEST_CXX := $(GUEST_CXX) -std=c++23 -O0 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -Wall -Wextra \
	-Wnon-virtual-dtor -Werror -Ipv-drivers -Iguest-abi -Ipv-drivers/examples/network-responder -Itests/host/pv-drivers/front

$(call compile_rooms,$(GUEST_TEST_OUT),$(filter-out tests/%,$(GUEST_TEST_SOURCES)),$(GUEST_TEST_CXX))
$(call compile_rooms,$(GUEST_TEST_OUT),$(filter tests/%,$(GUEST_TEST_SOURCES)),$(GUEST_TEST_CXX) $(TESTS_UNWATCHED))

$(BUILD)/tests/host_guests: $(call room_objects,$(GUEST_TEST_OUT),$(GUEST_TEST_SOURCES))
	@mkdir -p $(@D); echo "LINK  $@"
	@$(GUEST_CXX) -fsanitize=address,undefined -o $@ $^ -lgtest -lgtest_main

-include $(wildcard $(BUILD)/obj/guests/front/*.d $(BUILD)/obj/guests/runtime/*.d $(BUILD)/obj/guests/examples/*/*.d)
