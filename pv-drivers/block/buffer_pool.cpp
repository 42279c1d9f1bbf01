// SPDX-License-Identifier: MIT
#include "block/buffer_pool.hpp"

#include <sys/mman.h>

namespace rf::block {

xen::Result<BufferPool> BufferPool::create(std::uint32_t pages, xen::Kernel& kernel)
{
    void* address = nullptr;
    const std::size_t length = pages * xen::page_size;
    const long result = kernel.map(address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (result < 0)
        return xen::failure(result, "cannot reserve memory for disk buffers");
    return BufferPool(xen::Mapping(kernel, address, length));
}

BufferPool::BufferPool(xen::Mapping memory) : memory_(std::move(memory))
{
    // Last given, first taken: a guest with little in flight keeps to few, warm pages.
    for (std::size_t page = memory_.pages(); page > 0; --page)
        free_.push_back(static_cast<Page>(page - 1));
}

bool BufferPool::take(std::size_t count, std::vector<Page>& pages)
{
    if (count > free_.size())
        return false;
    for (; count > 0; --count) {
        pages.push_back(free_.back());
        free_.pop_back();
    }
    return true;
}

void BufferPool::give(std::vector<Page>& pages)
{
    for (; !pages.empty(); pages.pop_back())
        free_.push_back(pages.back());
}

}  // namespace rf::block
