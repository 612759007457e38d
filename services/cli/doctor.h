// Checks of this machine and of a cluster.
#ifndef GRAFT_SERVICES_CLI_DOCTOR_H_
#define GRAFT_SERVICES_CLI_DOCTOR_H_

#include <string>

#include "proto/graft/v1/doctor.pb.h"
#include "services/cli/cluster_client.h"

namespace graft::cli {

// Programs, processor, memory, the disk that holds `directory`, the ports that `graft local` asks
// for, and Debian's data set. Ports are free or taken; `cluster_answers` says that a cluster may be
// what took them.
void CheckMachine(const std::string& directory, bool cluster_answers, v1::DoctorReport& report);

// Version, weight store, workers and data sets of the cluster behind `client`; false if no
// controller answers.
bool CheckCluster(ClusterClient& client, v1::DoctorReport& report);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_DOCTOR_H_
