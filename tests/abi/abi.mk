# SPDX-License-Identifier: MIT
# Proofs that guest-abi agrees with upstream's headers (package libxen-dev). Included by the top
# Makefile; run from the top of the tree.
#   $(BUILD)/tests/abi_test   the GoogleTest program
#   check-abi                 builds and runs it

BUILD ?= build

ABI_DIR := $(BUILD)/tests/abi
ABI_HEADERS := $(sort $(patsubst guest-abi/%,%,$(wildcard guest-abi/xen/*.h guest-abi/io/*.h)))
ABI_WARNINGS := -Wall -Wextra -Werror
ABI_CXX := $(CXX) -std=c++23 -O1 -g $(ABI_WARNINGS)
ABI_ALONE := $(patsubst %.h,$(ABI_DIR)/alone/%.ok,$(ABI_HEADERS))
ABI_TABLES := $(addprefix $(ABI_DIR)/,includes.inc headers.inc rows_ours.inc rows_upstream.inc)
ABI_OBJECTS := $(addprefix $(ABI_DIR)/,upstream.o ours_c.o ours_cpp.o abi_test.o)
ABI_UPSTREAM := tests/abi/upstream_headers.h $(wildcard /usr/include/xen/*.h /usr/include/xen/*/*.h)
ABI_UPSTREAM_ENUMERATORS := XEN_E[A-Z0-9]+|XS_[A-Z_]+|XenbusState[A-Za-z]+

.PHONY: check-abi
check-abi: $(BUILD)/tests/abi_test
	$<

# The program must pass before it counts as built: a difference fails the build.
$(BUILD)/tests/abi_test: $(ABI_OBJECTS) $(ABI_ALONE)
	$(CXX) -o $@.tmp $(ABI_OBJECTS) -lgtest -lgtest_main -pthread
	$@.tmp --gtest_brief=1
	mv $@.tmp $@

# Every header stands on its own in both languages, and in the oldest C++ promised.
ABI_SYNTAX := $(ABI_WARNINGS) -Wpedantic -Wconversion -Wsign-conversion -Wshadow -ffreestanding -Iguest-abi -fsyntax-only
ABI_SYNTAX_CXX := $(ABI_SYNTAX) -Wold-style-cast

$(ABI_DIR)/alone/%.ok: guest-abi/%.h
	@mkdir -p $(@D)
	@echo "alone  $<"
	@$(CC) -std=c11 $(ABI_SYNTAX) -MMD -MP -MT $@ -MF $(@:.ok=.d) -include $*.h -x c /dev/null
	@$(CXX) -std=c++20 $(ABI_SYNTAX_CXX) -include $*.h -x c++ /dev/null
	@$(CXX) -std=c++23 $(ABI_SYNTAX_CXX) -include $*.h -x c++ /dev/null
	@touch $@

-include $(ABI_ALONE:.ok=.d)

$(ABI_DIR)/generate: $(addprefix tests/abi/,generate.cpp inventory.cpp exceptions.cpp inventory.hpp exceptions.hpp)
	@mkdir -p $(@D)
	$(ABI_CXX) -o $@ $(filter %.cpp,$^)

$(ABI_DIR)/upstream_macros.txt: $(ABI_UPSTREAM)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -dM -E $< > $@.tmp
	mv $@.tmp $@

$(ABI_DIR)/upstream_enumerators.txt: $(ABI_UPSTREAM)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -E -P $< | grep -oE '\b($(ABI_UPSTREAM_ENUMERATORS))\b' | sort -u > $@.tmp
	test -s $@.tmp
	mv $@.tmp $@

$(ABI_TABLES) &: $(ABI_DIR)/generate tests/abi/exceptions.txt $(ABI_DIR)/upstream_macros.txt \
    $(ABI_DIR)/upstream_enumerators.txt $(addprefix guest-abi/,$(ABI_HEADERS))
	$(ABI_DIR)/generate tests/abi/exceptions.txt $(ABI_DIR)/upstream_macros.txt \
	    $(ABI_DIR)/upstream_enumerators.txt guest-abi $(ABI_DIR) $(ABI_HEADERS)

$(ABI_DIR)/upstream.o: tests/abi/upstream.c $(ABI_UPSTREAM) tests/abi/table.h $(ABI_TABLES)
	$(CC) -std=gnu11 $(ABI_WARNINGS) -I$(ABI_DIR) -Itests/abi -c -o $@ $<

$(ABI_DIR)/ours_c.o: tests/abi/ours_c.c tests/abi/table.h $(ABI_TABLES)
	$(CC) -std=c11 $(ABI_WARNINGS) -Iguest-abi -I$(ABI_DIR) -Itests/abi -c -o $@ $<

$(ABI_DIR)/ours_cpp.o: tests/abi/ours_cpp.cpp tests/abi/table.h $(ABI_TABLES)
	$(ABI_CXX) -Iguest-abi -I$(ABI_DIR) -Itests/abi -c -o $@ $<

$(ABI_DIR)/abi_test.o: tests/abi/abi_test.cpp tests/abi/table.h $(ABI_TABLES)
	$(ABI_CXX) -I$(ABI_DIR) -Itests/abi -c -o $@ $<
