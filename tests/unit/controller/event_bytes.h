#ifndef GRAFT_TESTS_UNIT_CONTROLLER_EVENT_BYTES_H_
#define GRAFT_TESTS_UNIT_CONTROLLER_EVENT_BYTES_H_

#include <string>

#include "services/controller/core/events.h"

namespace graft::controller {

// Equal for equal events: their encoded text has no order of map entries.
std::string EventBytes(const Event& event);

}  // namespace graft::controller

#endif  // GRAFT_TESTS_UNIT_CONTROLLER_EVENT_BYTES_H_
