// The canonical bytes of an architecture: what the fingerprint hashes.
//
// Values are written as digest/canonical.h says (a tag byte, then a body; integers little-endian, 8
// bytes). An architecture is, in this order:
//
//   string "graft.architecture.v1"
//   list of the nodes in canonical order (architecture.h); a node is a list of 3:
//     string  the operator's name
//     list    2n values: the n attributes in ascending order of their names' bytes, each a string
//     (the
//             name) and its value: bool, i64, f64, string, or a list of i64
//     list    the operands' canonical indices, u64 each, in order
//   list of the outputs in order; an output is a list of 2:
//     string  its name
//     u64     the canonical index of its node
//
// Every attribute that the operator declares is written, defaults included, in its declared type: a
// default that changes later changes no fingerprint of what was written before. Only an attribute
// that the operator got later (AttributeSpec::neutral_default) is left out where it has its
// default, which is what the operator did before: those fingerprints stay, too. Layer ids are not
// written. An input is told from the others by its attribute `index`.
//
// For example, the node `relu` of node 0 is these bytes:
//
//   07 0300000000000000                    list of 3
//      06 0400000000000000 72656c75        string, 4 bytes, "relu"
//      07 0000000000000000                 list of 0: no attributes
//      07 0100000000000000                 list of 1
//         01 0000000000000000              u64 0
//
// Test vectors: tests/golden/architecture_encoding.hex, made by architecture_encoding.py beside it.
#ifndef GRAFT_COMMON_ARCH_ARCHITECTURE_ENCODING_H_
#define GRAFT_COMMON_ARCH_ARCHITECTURE_ENCODING_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"

namespace graft::arch {

// The fingerprint is the SHA-256 of these bytes.
std::string EncodeArchitecture(const Architecture& architecture);

// The architecture with these bytes; each layer's id is its operator's name and its canonical index
// ("relu_7"). INVALID_ARGUMENT unless EncodeArchitecture gives exactly these bytes again.
absl::StatusOr<Architecture> DecodeArchitecture(std::string_view bytes, const Limits& limits = {});

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_ARCHITECTURE_ENCODING_H_
