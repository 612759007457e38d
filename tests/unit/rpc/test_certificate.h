#ifndef GRAFT_TESTS_UNIT_RPC_TEST_CERTIFICATE_H_
#define GRAFT_TESTS_UNIT_RPC_TEST_CERTIFICATE_H_

#include <string>

namespace graft::rpc {

// A fresh self-signed certificate for 127.0.0.1 and its key, PEM. It is its own root.
struct TestCertificate {
  TestCertificate();
  std::string certificate;
  std::string private_key;
};

}  // namespace graft::rpc

#endif  // GRAFT_TESTS_UNIT_RPC_TEST_CERTIFICATE_H_
