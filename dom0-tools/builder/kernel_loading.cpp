// SPDX-License-Identifier: MIT
#include "builder/kernel_loading.hpp"

namespace rf::builder {

Result<void> KernelLoading::begin(const std::string& path, const KernelCache& cache)
{
    image_ = BUILD_TRY(KernelImage::open(path, cache));
    if (image_.is_packed())
        thread_ = std::thread([this] { unpacked_.set_value(image_.unpack()); });
    else
        unpacked_.set_value({});
    return {};
}

Result<const KernelImage*> KernelLoading::wait()
{
    BUILD_CHECK(unpacked_.get_future().get());
    return &image_;
}

}  // namespace rf::builder
