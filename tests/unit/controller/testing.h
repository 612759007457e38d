// The fixture of the tests of Controller: one on a fake log, with a data set and a worker.
#ifndef GRAFT_TESTS_UNIT_CONTROLLER_TESTING_H_
#define GRAFT_TESTS_UNIT_CONTROLLER_TESTING_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/fake_clock.h"
#include "services/controller/core/controller.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {

class ControllerTest : public testing::Test {
 protected:
  ControllerTest() {
    Open();
    auto dataset = controller_->CreateDataset(FakeDataset(), {});
    EXPECT_TRUE(dataset.ok()) << dataset.status();
  }

  // Throws the controller away and opens another one on the same log.
  void Open(ExplorerFactory explorers = FakeExplorers()) {
    controller_.reset();
    auto controller = Controller::Open({}, std::move(explorers), &log_, &clock_);
    ASSERT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
    worker_.emplace(controller_.get(), "worker");
  }

  SearchView Create(SearchSpec spec = FakeSpec()) {
    auto search = controller_->CreateSearch(std::move(spec), {});
    EXPECT_TRUE(search.ok()) << search.status();
    return *search;
  }

  LeaseView LeaseOne() {
    auto leases = worker_->Lease(1);
    EXPECT_TRUE(leases.ok()) << leases.status();
    EXPECT_THAT(*leases, testing::SizeIs(1));
    return leases->at(0);
  }

  SearchView Get(SearchId id) { return *controller_->GetSearch(id); }
  TrialView GetTrial(SearchId id, std::int64_t number) {
    auto trial = controller_->GetTrial({id, number});
    EXPECT_TRUE(trial.ok()) << trial.status();
    return *trial;
  }

  base::FakeClock clock_;
  FakeEventLog log_;
  std::unique_ptr<Controller> controller_;
  std::optional<FakeWorker> worker_;
};

}  // namespace graft::controller

#endif  // GRAFT_TESTS_UNIT_CONTROLLER_TESTING_H_
