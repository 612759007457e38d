#include "services/cli/search_view.h"

#include <gtest/gtest.h>

namespace graft::cli {
namespace {

v1::Edit Widen(const std::string& layer, double width) {
  v1::Edit edit;
  edit.set_transformation("widen_layer");
  auto& fields = *edit.mutable_attributes()->mutable_fields();
  fields["layer"].set_string_value(layer);
  fields["width"].set_number_value(width);
  fields["split"].set_string_value("uneven");
  fields["noise"].set_bool_value(false);
  return edit;
}

std::string LabelOf(const std::vector<v1::Edit>& edits) {
  v1::Network network;
  network.mutable_edits()->Add(edits.begin(), edits.end());
  return EditsLabel(network.edits());
}

TEST(EditsLabelTest, DefaultsAreLeftOut) {
  EXPECT_EQ(LabelOf({Widen("conv1", 8), Widen("fc1", 16)}),
            "widen_layer(layer=conv1, width=8), widen_layer(layer=fc1, width=16)");
}

TEST(EditsLabelTest, WhatIsNoDefaultIsShown) {
  v1::Edit edit = Widen("conv1", 8);
  (*edit.mutable_attributes()->mutable_fields())["split"].set_string_value("even");
  EXPECT_EQ(LabelOf({edit}), "widen_layer(layer=conv1, split=even, width=8)");
}

TEST(EditsLabelTest, UnknownTransformationsAreShownByName) {
  v1::Edit edit = Widen("conv1", 8);
  edit.set_transformation("of_a_later_version");
  EXPECT_EQ(LabelOf({edit}), "of_a_later_version");
}

}  // namespace
}  // namespace graft::cli
