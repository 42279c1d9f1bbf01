// SPDX-License-Identifier: MIT
#pragma once
/// A kernel on its way from its file, so that the domain is made while it is being unpacked. One per creation; neither copied
/// nor moved, because a thread works on it. The end of the object waits for that thread.

#include <future>
#include <thread>

#include "builder/kernel_image.hpp"

namespace rf::builder {

class KernelLoading {
public:
    KernelLoading() = default;
    ~KernelLoading()
    {
        if (thread_.joinable())
            thread_.join();
    }
    KernelLoading(const KernelLoading&) = delete;
    KernelLoading& operator=(const KernelLoading&) = delete;

    /// Opens the kernel and refuses at once what can be seen at once; starts to unpack it if it is packed.
    [[nodiscard]] Result<void> begin(const std::string& path, const KernelCache& cache);
    /// The kernel, unpacked and checked. To be called once, after begin() succeeded.
    [[nodiscard]] Result<const KernelImage*> wait();
    /// The kernel itself, when wait() has succeeded and nobody uses it any more.
    [[nodiscard]] KernelImage take() { return std::move(image_); }

private:
    KernelImage image_;
    std::promise<Result<void>> unpacked_;
    std::thread thread_;
};

}  // namespace rf::builder
