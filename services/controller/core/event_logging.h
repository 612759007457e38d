// Tells operators, in the process's log, of events that they care about.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_EVENT_LOGGING_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_EVENT_LOGGING_H_

#include "services/controller/core/events.h"

namespace graft::controller {

// One line for data sets, searches and failed attempts; nothing for the daily course of trials.
void LogEvent(const Event& event);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_EVENT_LOGGING_H_
