# SPDX-License-Identifier: MIT
# Ringfort's one Makefile: the hypervisor and its host tests here, every other component in the fragment beside it.
#
#   make            everything under build/           make run     a guest running in QEMU, from nothing
#   make test       all tests                         make install DESTDIR=  Dom0's side into a Debian root
#   make deps       Debian packages that are missing  make clean

BUILD ?= build
CXX := g++-12
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

WARNINGS := -Wall -Wextra -Wnon-virtual-dtor -Werror
DEPENDENCIES = -MMD -MP

# ---- rooms -----------------------------------------------------------------------------------------------------------
# The files of a room are compiled together: what they include is read once. What a file keeps to itself, in a nameless namespace,
# is therefore its room's.

# What host tests do not watch in their own code, though in what they test: AddressSanitizer sees most of it, and compiling them
# takes a third less.
TESTS_UNWATCHED := -fno-sanitize=null,alignment,object-size,vptr

# $(call room_objects,OUT,FILES): an object for each room that some of the files lie in.
room_objects = $(patsubst %/,$(1)/%.o,$(sort $(dir $(2))))
# $(call compile_rooms,OUT,FILES,COMPILER AND FLAGS,PREREQUISITES): how those are made. A room's object may set ROOM_FLAGS.
compile_rooms = $(foreach room,$(sort $(dir $(2))),$(eval $(call \
	compile_room,$(patsubst %/,$(1)/%,$(room)),$(foreach file,$(2),$(if $(filter $(room),$(dir $(file))),$(file))),$(3),$(4))))
define compile_room
$(1).o: $(2) $(4)
	@mkdir -p $$(@D); echo "ROOM  $$@"
	@printf '#include "%s"\n' $(strip $(2)) | $(3) $$(ROOM_FLAGS) $$(DEPENDENCIES) -MF $(1).d -MT $$@ -x c++ -c -o $$@ -
-include $(1).d
endef

# ---- hypervisor ----------------------------------------------------------------------------------------------------

HV_ROOMS := base cpu mm guest dev time pvmmu sched event grant pvcpu domain hypercall dom0 dom0/codec audit entry boot
HV_SOURCES := $(foreach room,$(HV_ROOMS),$(wildcard hypervisor/$(room)/*.cpp)) hypervisor/main.cpp
HV_ASSEMBLY := $(foreach room,$(HV_ROOMS),$(wildcard hypervisor/$(room)/*.S))
# defines what the others' headers declare in another way
HV_ALONE := hypervisor/base/mem.cpp
HV_TOGETHER := $(filter-out $(HV_ALONE),$(HV_SOURCES))
HV_OBJECTS := $(call room_objects,$(BUILD)/image,$(HV_TOGETHER)) $(HV_ALONE:%.cpp=$(BUILD)/image/%.o) $(HV_ASSEMBLY:%=$(BUILD)/image/%.o)
HV_INCLUDES := -Ihypervisor -Iguest-abi
HV_FLAGS := -std=c++23 -O2 -g -ffreestanding -fno-exceptions -fno-rtti -fPIE -fvisibility=hidden -mcmodel=small \
	-mno-red-zone -mgeneral-regs-only -fno-threadsafe-statics -fno-asynchronous-unwind-tables -fno-stack-protector \
	-fcf-protection=none -mindirect-branch=thunk-extern -mindirect-branch-register -fno-jump-tables \
	-ffunction-sections -fdata-sections -fno-strict-aliasing $(WARNINGS)
# make CHECKS=1: the hypervisor watches over its own rules as it runs (hypervisor/base/checks.hpp)
HV_FLAGS += $(if $(CHECKS),-DRF_CHECKS -fno-omit-frame-pointer,-fomit-frame-pointer)
HV_LINK := -Wl,--no-relax -nostdlib -static -no-pie -Wl,--gc-sections -Wl,--build-id=sha1 -Wl,-z,max-page-size=0x1000 -Wl,-z,noexecstack

.PHONY: all hypervisor
all: hypervisor tools guests $(BUILD)/dom0/rf-backd
hypervisor: $(BUILD)/ringfort

$(BUILD)/ringfort: $(HV_OBJECTS) hypervisor/ringfort.ld
	@echo "LINK  $@"
	@$(CXX) $(HV_LINK) -T hypervisor/ringfort.ld -o $@ $(HV_OBJECTS)

# Other flags are other objects, so they depend on this file as well.
HV_CXX := $(CXX) $(HV_FLAGS) $(HV_INCLUDES)
$(call compile_rooms,$(BUILD)/image,$(HV_TOGETHER),$(HV_CXX),Makefile)

$(BUILD)/image/%.o: %.cpp Makefile
	@mkdir -p $(@D); echo "CXX   $<"
	@$(HV_CXX) $(DEPENDENCIES) -c $< -o $@

$(BUILD)/image/%.S.o: %.S
	@mkdir -p $(@D); echo "AS    $<"
	@$(CXX) -g $(HV_INCLUDES) $(DEPENDENCIES) -c $< -o $@

-include $(HV_ALONE:%.cpp=$(BUILD)/image/%.d) $(HV_ASSEMBLY:%=$(BUILD)/image/%.d)

# ---- other components ----------------------------------------------------------------------------------------------

-include tests/abi/abi.mk tests/images/images.mk tests/system/system.mk tests/models/models.mk tests/house/house.mk tests/image/image.mk tests/host/host.mk dom0-tools/tools.mk \
	pv-drivers/drivers.mk pv-drivers/examples.mk tests/hostile/hostile.mk tests/fuzz/fuzz.mk tests/bench/bench.mk

# images.mk is read before tools.mk. Without this two makes could link the same program at once: `make install` inside the image's
# recipe, and the one around it.
$(BUILD)/images/debian.img: $(DOM0_BINARIES)

# ---- Debian packages that building and testing need ------------------------------------------------------------------

PACKAGES := g++-12 make grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools cpio e2fsprogs qemu-system-x86 ovmf \
	busybox-static libxen-dev libgtest-dev patch libboost1.81-dev libxml2-dev libcli11-dev liburing-dev libseccomp-dev \
	liblzma-dev libzstd-dev liblz4-dev zlib1g-dev binutils spin kmod mmdebstrap debian-archive-keyring
# `make fuzz` alone needs these, and installs them itself.
FUZZ_PACKAGES := clang-16 libclang-rt-16-dev

.PHONY: deps
deps:
	@missing=(); for package in $(PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || missing+=($$package); done; \
	if [ $${#missing[@]} -gt 0 ]; then echo "installing: $${missing[*]}"; apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$${missing[@]}" | sed -un 's/^\(Get:\|Setting up\) /  &/p'; fi

# ---- tests ---------------------------------------------------------------------------------------------------------

TEST_PROGRAMS := abi_test host_hypervisor host_tools host_drivers host_confined host_guests fuzz models house image bench_table
STORIES := debian dom0_boot lifecycle split_drivers hostile oracle_guest scheduling boot_errors example_guest store
# Also told, but too long for every change: make test-long
LONG_STORIES := survival density fairness daemon_deaths outages
.PHONY: test test-long soak longest-runs mutants unit-tests stories
test: unit-tests stories
	@RF_HYPERVISOR=$(BUILD)/ringfort tests/run $(addprefix $(BUILD)/tests/,$(TEST_PROGRAMS)) $(addprefix $(BUILD)/tests/system_,$(STORIES))
test-long: stories $(addprefix $(BUILD)/tests/system_,$(LONG_STORIES))
	@RF_TEST_LIMIT=3600 RF_LANES=1 RF_HYPERVISOR=$(BUILD)/ringfort tests/run $(addprefix $(BUILD)/tests/system_,$(LONG_STORIES))
# The hostile guest for as long as one likes: make soak OPERATIONS=100000000; then every death of a daemon at every system call.
OPERATIONS ?= 10000000
SOAK_STORIES := $(addprefix $(BUILD)/tests/system_,hostile outages daemon_deaths)
soak: stories $(SOAK_STORIES)
	@RF_TEST_LIMIT=1000000 RF_LANES=1 RF_HOSTILE_OPERATIONS=$(OPERATIONS) RF_OUTAGES=200 RF_DEATHS=0 RF_HYPERVISOR=$(BUILD)/ringfort \
		tests/run $(SOAK_STORIES)
# The hypervisor's longest runs without a point of preemption, in instructions, during that guest's doings, by path.
longest-runs: stories $(BUILD)/hostile/longest.so $(BUILD)/hostile/longest_runs
	@RF_TEST_LIMIT=3600 RF_TIME_SCALE=10 RF_HOSTILE_OPERATIONS=60000 RF_HOSTILE_RUNS=$(abspath $(BUILD))/hostile/runs.txt \
		RF_HYPERVISOR=$(BUILD)/ringfort tests/run $(BUILD)/tests/system_hostile
	@$(BUILD)/hostile/longest_runs $(BUILD)/hostile/runs.txt $(BUILD)/ringfort 50000
# Defects put back, one at a time: each must be noticed (tests/mutants/).
mutants:
	@tests/mutants/run $(abspath $(BUILD))
unit-tests: $(addprefix $(BUILD)/tests/,$(TEST_PROGRAMS))
stories: hypervisor images debian-disk qemu10 guests $(addprefix $(BUILD)/guests/,hostile sibling) tools $(BUILD)/dom0/rf-backd $(BUILD)/tests/boot $(addprefix $(BUILD)/tests/system_,$(STORIES))

# ---- Dom0's side into a Debian root file system ----------------------------------------------------------------------

DESTDIR ?=
.PHONY: install
install: hypervisor tools $(BUILD)/dom0/rf-backd
	install -D -m 0644 $(BUILD)/ringfort $(DESTDIR)/boot/ringfort
	strip --strip-debug $(DESTDIR)/boot/ringfort
	install -D -m 0755 -t $(DESTDIR)/usr/sbin $(BUILD)/dom0/rf
	install -D -m 0755 -t $(DESTDIR)/usr/lib/ringfort $(addprefix $(BUILD)/dom0/,rf-stored rf-consoled rfd rf-backd)
	strip --strip-unneeded $(DESTDIR)/usr/sbin/rf $(addprefix $(DESTDIR)/usr/lib/ringfort/,rf-stored rf-consoled rfd rf-backd)
	install -D -m 0755 -t $(DESTDIR)/usr/lib/ringfort dom0-tools/units/ringfort-guests
	install -D -m 0644 -t $(DESTDIR)/usr/lib/systemd/system dom0-tools/units/*.service dom0-tools/units/*.mount
	install -D -m 0755 -t $(DESTDIR)/etc/grub.d dom0-tools/units/09_ringfort
	install -D -m 0644 -t $(DESTDIR)/usr/share/doc/ringfort README.md docs/toolstack.md
	install -D -m 0644 -t $(DESTDIR)/usr/share/man/man5 dom0-tools/man/ringfort-domain.5
	install -d -m 0755 $(DESTDIR)/etc/ringfort/autostart $(DESTDIR)/usr/share/man/man1 $(DESTDIR)/usr/share/bash-completion/completions
	$(BUILD)/dom0/rf --manual > $(DESTDIR)/usr/share/man/man1/rf.1
	$(BUILD)/dom0/rf --completion > $(DESTDIR)/usr/share/bash-completion/completions/rf

# ---- a guest running in QEMU, from nothing ---------------------------------------------------------------------------

.PHONY: run
run: deps
	@echo "building Ringfort and the images of its test machine (minutes the first time)"
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc)) hypervisor tools guests $(BUILD)/dom0/rf-backd images $(BUILD)/tests/boot
	@tests/demo/run $(BUILD)

.PHONY: clean
clean:
	rm -rf $(BUILD)/image $(BUILD)/ringfort $(BUILD)/tests $(BUILD)/dom0 $(BUILD)/host
