#include "tests/unit/controller/event_bytes.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>

#include "common/base/check.h"
#include "proto/graft/v1/event.pb.h"
#include "services/controller/storage/event_codec.h"

namespace graft::controller {

std::string EventBytes(const Event& event) {
  const absl::StatusOr<EncodedEvent> encoded = EncodeEvent(event);
  GRAFT_CHECK_OK(encoded.status());
  v1::Event proto;
  GRAFT_CHECK(google::protobuf::util::JsonStringToMessage(encoded->payload, &proto).ok());
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    proto.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace graft::controller
