#include <memory>

#include "common/base/check.h"
#include "common/base/fake_clock.h"
#include "services/controller/core/controller.h"
#include "services/controller/storage/event_codec.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/unit/controller/event_bytes.h"
#include "tests/unit/controller/fakes.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  const absl::StatusOr<controller::Event> event = controller::DecodeEvent(input);
  if (!event.ok()) return false;
  const absl::StatusOr<controller::EncodedEvent> encoded = controller::EncodeEvent(*event);
  GRAFT_CHECK_OK(encoded.status());
  const absl::StatusOr<controller::Event> again = controller::DecodeEvent(encoded->payload);
  GRAFT_CHECK_OK(again.status());
  GRAFT_CHECK(controller::EventBytes(*again) == controller::EventBytes(*event)) << encoded->payload;
  return true;
}

// The events of a small search.
std::vector<std::string> Seeds() {
  base::FakeClock clock;
  controller::FakeEventLog log;
  {
    const std::unique_ptr<controller::Controller> controller =
        controller::Controller::Open({}, controller::FakeExplorers(), &log, &clock).value();
    GRAFT_CHECK_OK(controller->CreateDataset(controller::FakeDataset(), {}).status());
    GRAFT_CHECK_OK(controller->CreateSearch(controller::FakeSpec(), {}).status());
    controller::FakeWorker worker(controller.get(), "worker");
    GRAFT_CHECK_OK(worker.Work());
  }
  std::vector<std::string> seeds;
  GRAFT_CHECK_OK(log.Replay([&](const controller::Record& record) {
    seeds.push_back(controller::EncodeEvent(record.event)->payload);
    return absl::OkStatus();
  }));
  return seeds;
}

}  // namespace graft::fuzz
