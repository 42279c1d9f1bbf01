// SPDX-License-Identifier: MIT
/// Story: a user names a kernel file. It may be packed in any common way, it may be no PV kernel, it may be damaged; it is
/// unpacked once and found in the cache the next time, but never mistaken for another file's kernel, and the cache stays
/// within its bound.
#include <span>

#include "../../hypervisor/dom0/kernel_maker.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "builder/kernel_image.hpp"
#include "builder/kernel_loading.hpp"

namespace rf::builder {
namespace {

using namespace rf::dom0::test;

/// A bzImage as Linux' build makes it: behind the packed kernel the size that it claims to unpack to.
Bytes packed(const Bytes& elf, std::uint64_t claimed)
{
    Bytes payload = pack_xz(elf);
    const auto size = static_cast<std::uint32_t>(claimed);
    put(payload, &size, sizeof size);
    return make_bzimage(payload);
}

/// As a creation does it: opened, unpacked if need be, kept.
Result<KernelImage> load(const std::string& path, const KernelCache& cache)
{
    KernelLoading loading;
    if (auto begun = loading.begin(path, cache); !begun)
        return std::unexpected(begun.error());
    if (auto ready = loading.wait(); !ready)
        return std::unexpected(ready.error());
    KernelImage image = loading.take();
    image.keep(cache);
    return image;
}

class KernelImageTest : public ::testing::Test {
protected:
    KernelImageTest() { std::filesystem::create_directories(directory); }
    ~KernelImageTest() override { std::filesystem::remove_all(directory); }

    std::string write(const std::string& name, const Bytes& bytes)
    {
        const std::string path = directory + "/" + name;
        std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path;
    }
    std::string refusal(const std::string& path)
    {
        const auto image = load(path, cache);
        return image ? "accepted" : image.error().what;
    }
    std::size_t cached() const
    {
        std::size_t count = 0;
        std::error_code error;
        for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(cache_directory, error))
            ++count;
        return count;
    }

    const std::string directory = "/tmp/rf-kernel-image-test." + std::to_string(::getpid());
    const std::string cache_directory = directory + "/cache";
    KernelCache cache{cache_directory};
};

TEST_F(KernelImageTest, PackedKernelIsUnpackedOnceAndKept)
{
    const Bytes elf = make_elf(TestKernel{});
    const std::string path = write("vmlinuz", packed(elf, elf.size()));
    const auto first = load(path, cache);
    ASSERT_TRUE(first) << first.error().what;
    EXPECT_EQ(first->notes().entry, 0xffff'ffff'8104'31c0);
    ASSERT_EQ(cached(), 1u);
    // The second load takes the cache's word: a mark put there shows up.
    std::filesystem::path kept = std::filesystem::directory_iterator(cache_directory)->path();
    TestKernel marked;
    marked.entry = 0xffff'ffff'8104'3200;
    const Bytes other = make_elf(marked);
    ASSERT_EQ(other.size(), elf.size());
    std::ofstream(kept, std::ios::binary).write(reinterpret_cast<const char*>(other.data()), static_cast<std::streamsize>(other.size()));
    const auto second = load(path, cache);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->notes().entry, 0xffff'ffff'8104'3200);
    EXPECT_EQ(cached(), 1u);
}

TEST_F(KernelImageTest, AChangedFileIsAnotherKernel)
{
    const Bytes elf = make_elf(TestKernel{});
    TestKernel changed;
    changed.entry = 0xffff'ffff'8104'3200;
    const Bytes other = make_elf(changed);
    const std::string path = write("vmlinuz", packed(elf, elf.size()));
    ASSERT_TRUE(load(path, cache));
    // Even a file put in its place with the same size and the old modification time.
    const auto time = std::filesystem::last_write_time(path);
    write("vmlinuz", packed(other, other.size()));
    std::filesystem::last_write_time(path, time);
    const auto image = load(path, cache);
    ASSERT_TRUE(image);
    EXPECT_EQ(image->notes().entry, 0xffff'ffff'8104'3200);
}

TEST_F(KernelImageTest, CacheStaysWithinItsBound)
{
    const Bytes elf = make_elf(TestKernel{});
    const KernelCache small(cache_directory, 2 * elf.size() + 100);
    for (int i = 0; i < 5; ++i) {
        const std::string path = write("vmlinuz" + std::to_string(i), packed(elf, elf.size()));
        ASSERT_TRUE(load(path, small));
        EXPECT_LE(cached(), 2u);
    }
    const KernelCache none(cache_directory + "2", 100);
    const std::string path = write("vmlinuz", packed(elf, elf.size()));
    EXPECT_TRUE(load(path, none));
    EXPECT_FALSE(std::filesystem::exists(cache_directory + "2"));
}

TEST_F(KernelImageTest, ACacheThatOthersCanWriteIsNotTrusted)
{
    const Bytes elf = make_elf(TestKernel{});
    const std::string path = write("vmlinuz", packed(elf, elf.size()));
    ASSERT_TRUE(load(path, cache));
    const auto kept = std::filesystem::directory_iterator(cache_directory)->path();
    std::ofstream(kept, std::ios::binary) << "\x7f" "ELF but not really";
    std::filesystem::permissions(kept, std::filesystem::perms::all);
    const auto image = load(path, cache);
    ASSERT_TRUE(image) << image.error().what;
    EXPECT_EQ(image->notes().entry, 0xffff'ffff'8104'31c0);
}

TEST_F(KernelImageTest, AKernelIsUnpackedWhileOtherThingsGoOn)
{
    const Bytes elf = make_elf(TestKernel{});
    const std::string path = write("vmlinuz", packed(elf, elf.size()));
    KernelLoading loading;
    ASSERT_TRUE(loading.begin(path, cache));
    const auto kernel = loading.wait();
    ASSERT_TRUE(kernel) << kernel.error().what;
    EXPECT_EQ((*kernel)->notes().entry, 0xffff'ffff'8104'31c0);
    // Keeping it is the caller's affair: it may wait until the domain runs.
    EXPECT_EQ(cached(), 0u);
    const KernelImage image = loading.take();
    image.keep(cache);
    EXPECT_EQ(cached(), 1u);

    Bytes bad = packed(elf, elf.size());
    bad[bad.size() / 2] ^= 0xff;
    KernelLoading damaged;
    ASSERT_TRUE(damaged.begin(write("damaged", bad), cache));
    EXPECT_FALSE(damaged.wait());
    KernelLoading missing;
    EXPECT_FALSE(missing.begin(directory + "/nothing", cache));
}

TEST_F(KernelImageTest, BytesComeFromMemoryOrStraightFromTheFile)
{
    Bytes bytes(10000);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<unsigned char>(i * 7);
    const auto view = FileView::open(write("bytes", bytes), "test file");
    ASSERT_TRUE(view);
    for (const Source& source : {Source(view->bytes()), Source(*view, view->bytes())}) {
        EXPECT_EQ(source.size(), 10000u);
        Bytes copy(300);
        ASSERT_TRUE(source.from(5000).copy(1234, std::as_writable_bytes(std::span(copy))));
        EXPECT_TRUE(std::equal(copy.begin(), copy.end(), bytes.begin() + 6234));
        EXPECT_EQ(source.from(20000).size(), 0u);
    }
    EXPECT_FALSE(Source(*view, view->bytes()).is_memory());
    // The file becomes shorter behind our back: an answer, not a fault.
    std::filesystem::resize_file(directory + "/bytes", 4096);
    Bytes copy(8000);
    EXPECT_FALSE(Source(*view, view->bytes()).copy(0, std::as_writable_bytes(std::span(copy))));
}

TEST_F(KernelImageTest, UnfitFilesAreRefusedWithAReason)
{
    const auto missing = load(directory + "/nothing", cache);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, Kind::not_found);
    EXPECT_NE(missing.error().what.find("/nothing"), std::string::npos);

    TestKernel plain;
    plain.where = NotesIn::nowhere;
    const std::string no_pv = write("no-pv", make_elf(plain));
    EXPECT_NE(refusal(no_pv).find("not a PV kernel"), std::string::npos) << refusal(no_pv);
    EXPECT_NE(refusal(no_pv).find(no_pv), std::string::npos);

    EXPECT_NE(refusal(write("text", Bytes(2000, 'x'))).find("neither a Linux bzImage nor an ELF file"), std::string::npos);
    EXPECT_NE(refusal(write("empty", {})).find("is empty"), std::string::npos);
    EXPECT_NE(refusal(directory).find("not a regular file"), std::string::npos);

    const Bytes elf = make_elf(TestKernel{});
    Bytes bad = packed(elf, elf.size());
    bad[bad.size() / 2] ^= 0xff;
    EXPECT_NE(refusal(write("damaged", bad)), "accepted");
    bad = packed(elf, 0xfffffff0);
    EXPECT_NE(refusal(write("boasting", bad)).find("more than any kernel"), std::string::npos) << refusal(directory + "/boasting");
    EXPECT_EQ(cached(), 0u);
}

}  // namespace
}  // namespace rf::builder
