# SPDX-License-Identifier: MIT
# Images of the test machine, all from Debian packages; offline once $(BUILD)/packages is complete. Included by the top
# Makefile. Every step holds a lock, so that several makes may run at once.
BUILD ?= build

IMAGES := $(addprefix $(BUILD)/images/,vmlinuz xen ovmf-code.fd ovmf-vars.fd dom0-base.cpio guest.cpio.gz oracle.cpio guest-files.cpio)
IMAGE_ROOT := $(BUILD)/packages/root
image_lock = @mkdir -p $(BUILD)/images && flock $(BUILD)/images/.lock

.PHONY: images qemu10 debian-disk
images: $(IMAGES)
qemu10: $(BUILD)/qemu10/run
debian-disk: $(BUILD)/images/debian.img

$(BUILD)/packages/complete: tests/images/packages.list tests/images/fetch-packages
	tests/images/fetch-packages $< $(BUILD)/packages

$(BUILD)/images/vmlinuz: $(BUILD)/packages/complete
	$(image_lock) sh -c 'cp $(IMAGE_ROOT)/boot/vmlinuz-* $@.new && mv $@.new $@'
$(BUILD)/images/xen: $(BUILD)/packages/complete
	$(image_lock) sh -c 'gzip -dc $(IMAGE_ROOT)/boot/xen-4.17-amd64.gz > $@.new && mv $@.new $@'
$(BUILD)/images/ovmf-code.fd: $(BUILD)/packages/complete
	$(image_lock) sh -c 'cp $(IMAGE_ROOT)/usr/share/OVMF/OVMF_CODE.fd $@.new && mv $@.new $@'
$(BUILD)/images/ovmf-vars.fd: $(BUILD)/packages/complete
	$(image_lock) sh -c 'cp $(IMAGE_ROOT)/usr/share/OVMF/OVMF_VARS.fd $@.new && mv $@.new $@'

$(BUILD)/images/dom0-base.cpio: $(BUILD)/packages/complete tests/images/make-dom0-base tests/images/initramfs.sh $(shell find tests/images/dom0-root -type f)
	$(image_lock) tests/images/make-dom0-base $(IMAGE_ROOT) $@
$(BUILD)/images/guest.cpio.gz: $(BUILD)/packages/complete tests/images/make-guest tests/images/initramfs.sh $(shell find tests/images/guest-root -type f)
	$(image_lock) tests/images/make-guest $(IMAGE_ROOT) $@
$(BUILD)/images/oracle.cpio: $(BUILD)/packages/complete tests/images/make-oracle tests/images/initramfs.sh $(shell find tests/images/oracle-root -type f)
	$(image_lock) tests/images/make-oracle $(IMAGE_ROOT) $@
# /images/vmlinuz and /images/guest.cpio.gz inside Dom0, for creating DomUs
$(BUILD)/images/guest-files.cpio: $(BUILD)/images/vmlinuz $(BUILD)/images/guest.cpio.gz tests/images/make-guest-files
	$(image_lock) tests/images/make-guest-files $(BUILD)/images $@

$(BUILD)/qemu10/run: tests/images/fetch-qemu10
	tests/images/fetch-qemu10 $(BUILD)/qemu10

# A real Debian 12 with systemd on a disk, and what `make install` lays into it. The root is made once.
$(BUILD)/debian/complete: tests/images/debian.list tests/images/make-debian-root
	$(image_lock) sh -c 'tests/images/make-debian-root $< $(BUILD)/debian/root && touch $@'
$(BUILD)/images/debian.img: $(BUILD)/debian/complete tests/images/make-debian-disk $(shell find tests/images/debian-root dom0-tools/units -type f) \
		tests/images/dom0-root/sbin/rf-agent $(BUILD)/images/guest.cpio.gz $(BUILD)/ringfort $(BUILD)/dom0/rf-backd
	@rm -rf $(BUILD)/debian/installed; $(MAKE) --no-print-directory -s install DESTDIR=$(BUILD)/debian/installed
	$(image_lock) tests/images/make-debian-disk $(BUILD)/debian/root $(BUILD)/debian/installed $(BUILD)/images/guest.cpio.gz $@
