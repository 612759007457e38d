// Events as text: graft.v1.Event in the JSON mapping.
#ifndef GRAFT_SERVICES_CONTROLLER_STORAGE_EVENT_CODEC_H_
#define GRAFT_SERVICES_CONTROLLER_STORAGE_EVENT_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/controller/core/events.h"

namespace graft::controller {

struct EncodedEvent {
  SearchId search;      // 0 for events about no search
  std::string kind;     // field of graft.v1.Event, for people: `search_created`
  std::string payload;  // UTF-8 without control characters
};

// INVALID_ARGUMENT: a text of the event is not UTF-8.
absl::StatusOr<EncodedEvent> EncodeEvent(const Event& event);

// The inverse: Decode(Encode(event).payload) is the identity to the bit, numbers that are not
// finite included. INVALID_ARGUMENT says what is wrong with the text.
absl::StatusOr<Event> DecodeEvent(std::string_view payload);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_STORAGE_EVENT_CODEC_H_
