#include <cstdint>

#include "common/base/check.h"
#include "common/base/strings.h"
#include "common/data/idx.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {
namespace {

constexpr char kImages[] = "-images-idx3-ubyte";
constexpr char kLabels[] = "-labels-idx1-ubyte";

void AppendBigEndian(std::uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

std::string ImagesFile(const data::Dataset& dataset, const data::ImageSet& images) {
  std::string file;
  AppendBigEndian(0x803, &file);
  AppendBigEndian(static_cast<std::uint32_t>(images.count()), &file);
  AppendBigEndian(static_cast<std::uint32_t>(dataset.image_shape().dim(1)), &file);
  AppendBigEndian(static_cast<std::uint32_t>(dataset.image_shape().dim(2)), &file);
  return file.append(images.pixels.begin(), images.pixels.end());
}

std::string LabelsFile(const data::ImageSet& images) {
  std::string file;
  AppendBigEndian(0x801, &file);
  AppendBigEndian(static_cast<std::uint32_t>(images.count()), &file);
  return file.append(images.labels.begin(), images.labels.end());
}

// Of both sets: the reader takes one folder for all.
absl::StatusOr<data::Dataset> Read(std::string_view images, std::string_view labels) {
  std::string folder;
  for (const char* set : {"train", "t10k"}) {
    folder = WriteScratchFile(std::string(set) + kImages, images);
    WriteScratchFile(std::string(set) + kLabels, labels);
  }
  return data::ReadIdxFolder(folder);
}

}  // namespace

// The input is one byte with the size of the images' file, that file and the labels' file.
bool DecodeAndCheck(std::string_view input) {
  if (input.empty()) return false;
  const std::size_t size = static_cast<std::uint8_t>(input[0]);
  input.remove_prefix(1);
  if (input.size() < size) return false;
  const absl::StatusOr<data::Dataset> dataset = Read(input.substr(0, size), input.substr(size));
  if (!dataset.ok()) return false;
  GRAFT_CHECK(dataset->train() == dataset->test());
  const absl::StatusOr<data::Dataset> again =
      Read(ImagesFile(*dataset, dataset->train()), LabelsFile(dataset->train()));
  GRAFT_CHECK_OK(again.status());
  GRAFT_CHECK(*again == *dataset);
  return true;
}

std::vector<std::string> Seeds() {
  // Two images of 2 x 3; plain, and as `gzip -n` compresses them.
  const std::string images =
      base::HexDecode("00000803000000020000000200000003000102030405060708090a0b").value();
  const std::string labels = base::HexDecode("00000801000000020105").value();
  const std::string gz_images =
      base::HexDecode(
          "1f8b08000000000000036360e0606660606082626606462666165636760e4e2e6e00781e23841c000000")
          .value();
  const std::string gz_labels =
      base::HexDecode("1f8b08000000000000036360e0606460606062640500d769edfc0a000000").value();
  return {static_cast<char>(images.size()) + images + labels,
          static_cast<char>(gz_images.size()) + gz_images + gz_labels};
}

}  // namespace graft::fuzz
